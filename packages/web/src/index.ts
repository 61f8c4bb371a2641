// Pages: the template that escapes, the pages themselves, and log text made harmless.
export { type Asset, assets } from './assets/assets.ts';
export { jobListPage } from './pages/job-list-page.ts';
export { LOG_LINES } from './pages/job-log.ts';
export { jobPage, jobUpdate } from './pages/job-page.ts';
export { problemPage } from './pages/problem-page.ts';
export { type SignIn, signInPage } from './pages/sign-in-page.ts';
