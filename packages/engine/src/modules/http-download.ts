// http.download: an answer that goes into a file of the workspace.
import type { LuaRecord } from '@rivet/lua';
import { pathBytes } from '../fs/script-path.ts';
import { hostFunction, optional, required } from '../host-function.ts';
import { downloadFile } from '../http/download-file.ts';
import { downloadDigest, downloadOptions, downloadRequest } from '../http/http-options.ts';
import { onlyOnce } from '../module-call.ts';
import { bytes, textOrSecret } from '../value-readers.ts';
import { limitsOfChange } from './fs.ts';
import { answerFields } from './http-answer.ts';

export const download = hostFunction(
  [required('url', textOrSecret), required('path', bytes), optional('options', downloadOptions)],
  async (call, url, path, given = {}): Promise<[LuaRecord]> => {
    const { parents = false, overwrite = true, mode } = given;
    if (!overwrite) onlyOnce(call);
    const request = downloadRequest(call.name, url, given);
    const sha256 = downloadDigest(call.name, given.sha256);
    const { job, branch, name } = call;
    const limits = limitsOfChange(call);
    const startedAt = performance.now();
    const { workspace } = job.host;
    const fsCall = { function: name, workspace, signal: branch.signal };
    const options = { path: pathBytes(path), parents, overwrite, mode, sha256 };
    const sender = job.http.senderOf(call);
    const done = await job.http.downloads.enter(fsCall, (jail) =>
      downloadFile(request, sender, jail, options, limits),
    );
    const record = answerFields(request, done.final, performance.now() - startedAt);
    record.bytes = done.bytes;
    record.sha256 = done.sha256;
    return [record];
  },
  { effect: true, interrupted: 'resume' },
);
