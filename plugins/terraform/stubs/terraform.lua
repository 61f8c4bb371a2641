---@meta terraform

---Terraform. Credentials are variables from secrets (`env`), values of variables never stand on a command line, plans
---and state are written for the user of the container alone, and what is applied is the plan that was looked at.
---@class terraform
local terraform = {}

---@class TerraformInitOptions
---@field backend? table<string, string|number|boolean> settings of the backend; credentials belong in `env`
---@field workspace? string is selected, and made when it is not there
---@field upgrade? boolean newer versions of providers and modules
---@field reconfigure? boolean forget the backend that was configured before
---@field dir? string the configuration, relative to /workspace
---@field env? table<string, string|Secret> more variables, such as `AWS_SECRET_ACCESS_KEY`
---@field image? string|false image with terraform; false: the container that is open
---@field timeout? Duration of each command

---Prepares the configuration: backend, providers, modules, workspace.
---@param options? TerraformInitOptions
function terraform.init(options) end

---@class TerraformPlanOptions
---@field vars? table<string, any> values of variables: text, numbers, bools, lists, tables, secrets
---@field var_files? string[] files with values, relative to `dir`
---@field targets? string[] only these addresses
---@field destroy? boolean plan to destroy everything
---@field refresh_only? boolean plan only what brings the state up to date
---@field out? string file of the plan, relative to `dir`; `"rivet.tfplan"` when absent
---@field lock_timeout? Duration how long to wait for another run; `"60s"` when absent
---@field dir? string the configuration, relative to /workspace
---@field env? table<string, string|Secret> more variables
---@field image? string|false image with terraform; false: the container that is open
---@field timeout? Duration of each command

---@class TerraformChange
---@field address string such as `"aws_instance.web[0]"`
---@field type string such as `"aws_instance"`
---@field action "create"|"update"|"delete"|"replace"|"read"|"forget"
---@field reason? string such as `"replace_because_cannot_update"`

---@class TerraformPlan
---@field has_changes boolean true when only outputs change too
---@field changes TerraformChange[] what happens to which resource; no values
---@field create integer
---@field update integer
---@field delete integer
---@field replace integer
---@field file string
---@field sha256 string of the file
---@field dir string

---Plans, and returns the changes. The plan is in the log as Terraform prints it; the table can be an output, so that a
---later stage applies it.
---@param options? TerraformPlanOptions
---@return TerraformPlan
function terraform.plan(options) end

---@class TerraformApplyOptions
---@field plan TerraformPlan what `terraform.plan` returned
---@field lock_timeout? Duration how long to wait for another run; `"60s"` when absent
---@field env? table<string, string|Secret> more variables
---@field image? string|false image with terraform; false: the container that is open
---@field timeout? Duration of each command

---Applies exactly that plan, once. A plan file that was written over, and a state that changed since, are errors. The
---plan alone may be given in place of the options.
---@param options TerraformApplyOptions|TerraformPlan
function terraform.apply(options) end

---@class TerraformOutputOptions
---@field dir? string the configuration, relative to /workspace
---@field env? table<string, string|Secret> more variables
---@field image? string|false image with terraform; false: the container that is open
---@field timeout? Duration of each command

---The outputs by name. Texts of sensitive ones are hidden in all that leaves the job.
---@param options? TerraformOutputOptions
---@return table<string, any>
function terraform.output(options) end

return terraform
