package forge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds the body of an API call, of which a blob is the largest.
const maxBody = 64 << 20

// endpoint answers one API call: a status and a body that becomes JSON, or plain bytes or a redirect. A nil
// body sends none.
type endpoint func(*Forge, *exchange) (status int, body any, err error)

// route is an endpoint with the requirement for Apps: a permission, "contents:read", or one of the constants.
type route struct {
	serve endpoint
	needs string
}

// routes is the API: the paths of GitHub's REST API that Portico uses, each with GitHub's requirement for
// Apps.
var routes = map[string]route{
	"GET /app/installations":                                  {(*Forge).listInstallations, forTheApp},
	"POST /app/installations/{installation_id}/access_tokens": {(*Forge).createInstallationToken, forTheApp},
	"GET /installation/repositories":                          {(*Forge).listInstallationRepositories, forInstallations},
	"GET /orgs/{org}/installation":                            {(*Forge).getOrganizationInstallation, forTheApp},
	"GET /users/{username}/installation":                      {(*Forge).getUserInstallation, forTheApp},

	"GET /user":                                              {(*Forge).getAuthenticatedUser, forUsers},
	"GET /users/{owner}":                                     {(*Forge).getUser, forAnybody},
	"GET /user/memberships/orgs":                             {(*Forge).listMemberships, forUsers},
	"GET /user/memberships/orgs/{org}":                       {(*Forge).getMembership, forUsers},
	"POST /orgs/{org}/teams":                                 {(*Forge).createTeam, "members:write"},
	"GET /orgs/{org}/teams/{team_slug}":                      {(*Forge).getTeam, "members:read"},
	"PUT /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}": {(*Forge).addTeamRepository, "administration:write"},

	"POST /orgs/{org}/repos":             {(*Forge).createInOrganization, "administration:write"},
	"GET /user/repos":                    {(*Forge).listRepositoriesOfUser, forUsers},
	"POST /user/repos":                   {(*Forge).createForUser, forUsers},
	"GET /repos/{owner}/{repo}":          {(*Forge).getRepository, "metadata:read"},
	"PATCH /repos/{owner}/{repo}":        {(*Forge).patchRepository, "administration:write"},
	"DELETE /repos/{owner}/{repo}":       {(*Forge).deleteRepository, "administration:write"},
	"GET /repos/{owner}/{repo}/topics":   {(*Forge).getTopics, "metadata:read"},
	"PUT /repos/{owner}/{repo}/topics":   {(*Forge).putTopics, "administration:write"},
	"GET /repos/{owner}/{repo}/branches": {(*Forge).listBranches, "contents:read"},
	"GET /repos/{owner}/{repo}/tags":     {(*Forge).listTags, "metadata:read"},

	"GET /repos/{owner}/{repo}/branches/{branch}":                                   {(*Forge).getBranch, "contents:read"},
	"GET /repos/{owner}/{repo}/branches/{branch}/protection":                        {(*Forge).getProtection, "administration:read"},
	"PUT /repos/{owner}/{repo}/branches/{branch}/protection":                        {(*Forge).putProtection, "administration:write"},
	"DELETE /repos/{owner}/{repo}/branches/{branch}/protection":                     {(*Forge).deleteProtection, "administration:write"},
	"POST /repos/{owner}/{repo}/branches/{branch}/protection/required_signatures":   {(*Forge).requireSignatures, "administration:write"},
	"DELETE /repos/{owner}/{repo}/branches/{branch}/protection/required_signatures": {(*Forge).allowUnsigned, "administration:write"},

	"PUT /repos/{owner}/{repo}/collaborators/{username}":       {(*Forge).putCollaborator, "administration:write"},
	"GET /repos/{owner}/{repo}/subscription":                   {(*Forge).getSubscription, forUsers},
	"PUT /repos/{owner}/{repo}/subscription":                   {(*Forge).putSubscription, forUsers},
	"GET /repos/{owner}/{repo}/properties/values":              {(*Forge).getProperties, "metadata:read"},
	"PATCH /repos/{owner}/{repo}/properties/values":            {(*Forge).patchProperties, "repository_custom_properties:write"},
	"GET /repos/{owner}/{repo}/actions/variables":              {(*Forge).listVariables, "actions_variables:read"},
	"POST /repos/{owner}/{repo}/actions/variables":             {(*Forge).createVariable, "actions_variables:write"},
	"PATCH /repos/{owner}/{repo}/actions/variables/{name}":     {(*Forge).patchVariable, "actions_variables:write"},
	"GET /repos/{owner}/{repo}/actions/secrets":                {(*Forge).listSecrets, "secrets:read"},
	"GET /repos/{owner}/{repo}/actions/secrets/public-key":     {(*Forge).getPublicKey, "secrets:read"},
	"PUT /repos/{owner}/{repo}/actions/secrets/{name}":         {(*Forge).putSecret, "secrets:write"},
	"GET /repos/{owner}/{repo}/actions/permissions/access":     {(*Forge).getWorkflowAccess, "administration:read"},
	"PUT /repos/{owner}/{repo}/actions/permissions/access":     {(*Forge).putWorkflowAccess, "administration:write"},
	"GET /repos/{owner}/{repo}/actions/oidc/customization/sub": {(*Forge).getOIDCSubject, "actions:read"},
	"PUT /repos/{owner}/{repo}/actions/oidc/customization/sub": {(*Forge).putOIDCSubject, "actions:write"},

	"GET /repos/{owner}/{repo}/actions/secrets/{name}":    {(*Forge).getSecret, "secrets:read"},
	"DELETE /repos/{owner}/{repo}/actions/secrets/{name}": {(*Forge).deleteSecret, "secrets:write"},

	"GET /repos/{owner}/{repo}/issues":                           {(*Forge).listIssues, "issues:read"},
	"POST /repos/{owner}/{repo}/issues":                          {(*Forge).createIssue, "issues:write"},
	"GET /repos/{owner}/{repo}/issues/{number}":                  {(*Forge).getIssue, "issues:read"},
	"PATCH /repos/{owner}/{repo}/issues/{number}":                {(*Forge).patchIssue, "issues:write"},
	"GET /repos/{owner}/{repo}/issues/{number}/labels":           {(*Forge).listLabels, "issues:read"},
	"POST /repos/{owner}/{repo}/issues/{number}/labels":          {(*Forge).addLabels, "issues:write"},
	"DELETE /repos/{owner}/{repo}/issues/{number}/labels/{name}": {(*Forge).removeLabel, "issues:write"},

	"GET /repos/{owner}/{repo}/hooks":                      {(*Forge).listHooks, "repository_hooks:read"},
	"POST /repos/{owner}/{repo}/hooks":                     {(*Forge).createHook, "repository_hooks:write"},
	"PATCH /repos/{owner}/{repo}/hooks/{hook_id}":          {(*Forge).patchHook, "repository_hooks:write"},
	"DELETE /repos/{owner}/{repo}/hooks/{hook_id}":         {(*Forge).deleteHook, "repository_hooks:write"},
	"POST /repos/{owner}/{repo}/statuses/{sha}":            {(*Forge).createStatus, "statuses:write"},
	"GET /repos/{owner}/{repo}/autolinks":                  {(*Forge).listAutolinks, "administration:read"},
	"POST /repos/{owner}/{repo}/autolinks":                 {(*Forge).createAutolink, "administration:write"},
	"DELETE /repos/{owner}/{repo}/autolinks/{autolink_id}": {(*Forge).deleteAutolink, "administration:write"},
	"GET /repos/{owner}/{repo}/keys":                       {(*Forge).listDeployKeys, "administration:read"},
	"POST /repos/{owner}/{repo}/keys":                      {(*Forge).createDeployKey, "administration:write"},
	"DELETE /repos/{owner}/{repo}/keys/{key_id}":           {(*Forge).deleteDeployKey, "administration:write"},
	"GET /repos/{owner}/{repo}/pages":                      {(*Forge).getSite, "pages:read"},
	"POST /repos/{owner}/{repo}/pages":                     {(*Forge).createSite, "pages:write"},
	"PUT /repos/{owner}/{repo}/pages":                      {(*Forge).putSite, "pages:write"},
	"DELETE /repos/{owner}/{repo}/pages":                   {(*Forge).deleteSite, "pages:write"},

	"GET /repos/{owner}/{repo}/environments":                                           {(*Forge).listEnvironments, "actions:read"},
	"GET /repos/{owner}/{repo}/environments/{environment}":                             {(*Forge).getEnvironment, "actions:read"},
	"PUT /repos/{owner}/{repo}/environments/{environment}":                             {(*Forge).putEnvironment, "administration:write"},
	"DELETE /repos/{owner}/{repo}/environments/{environment}":                          {(*Forge).deleteEnvironment, "administration:write"},
	"GET /repos/{owner}/{repo}/environments/{environment}/deployment-branch-policies":  {(*Forge).listBranchPolicies, "actions:read"},
	"POST /repos/{owner}/{repo}/environments/{environment}/deployment-branch-policies": {(*Forge).createBranchPolicy, "administration:write"},
	"GET /repos/{owner}/{repo}/environments/{environment}/variables":                   {(*Forge).listEnvironmentVariables, "environments:read"},
	"POST /repos/{owner}/{repo}/environments/{environment}/variables":                  {(*Forge).createEnvironmentVariable, "environments:write"},
	"PATCH /repos/{owner}/{repo}/environments/{environment}/variables/{name}":          {(*Forge).patchEnvironmentVariable, "environments:write"},
	"GET /repos/{owner}/{repo}/environments/{environment}/secrets":                     {(*Forge).listEnvironmentSecrets, "environments:read"},
	"GET /repos/{owner}/{repo}/environments/{environment}/secrets/public-key":          {(*Forge).getEnvironmentKey, "environments:read"},
	"PUT /repos/{owner}/{repo}/environments/{environment}/secrets/{name}":              {(*Forge).putEnvironmentSecret, "environments:write"},
	"GET /repos/{owner}/{repo}/deployments":                                            {(*Forge).listDeployments, "deployments:read"},
	"POST /repos/{owner}/{repo}/deployments":                                           {(*Forge).createDeployment, "deployments:write"},

	"POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": {(*Forge).dispatchWorkflow, "actions:write"},
	"GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs":        {(*Forge).listWorkflowRuns, "actions:read"},
	"GET /repos/{owner}/{repo}/actions/runs":                                {(*Forge).listWorkflowRuns, "actions:read"},
	"GET /repos/{owner}/{repo}/actions/runs/{run_id}":                       {(*Forge).getWorkflowRun, "actions:read"},
	"DELETE /repos/{owner}/{repo}/actions/runs/{run_id}":                    {(*Forge).deleteWorkflowRun, "actions:write"},
	"GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs":                  {(*Forge).listWorkflowJobs, "actions:read"},
	"POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel":               {(*Forge).cancelWorkflowRun, "actions:write"},
	"POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun":                {(*Forge).rerunWorkflow, "actions:write"},

	"GET /repos/{owner}/{repo}/contents/{path...}":         {(*Forge).getContents, "contents:read"},
	"GET /repos/{owner}/{repo}/commits":                    {(*Forge).listCommits, "contents:read"},
	"GET /repos/{owner}/{repo}/commits/{ref...}":           {(*Forge).getCommit, "contents:read"},
	"GET /repos/{owner}/{repo}/compare/{basehead...}":      {(*Forge).compareCommits, "contents:read"},
	"GET /repos/{owner}/{repo}/git/trees/{tree_sha...}":    {(*Forge).getTree, "contents:read"},
	"GET /repos/{owner}/{repo}/git/blobs/{file_sha}":       {(*Forge).getBlob, "contents:read"},
	"GET /repos/{owner}/{repo}/git/ref/{ref...}":           {(*Forge).getReference, "contents:read"},
	"GET /repos/{owner}/{repo}/git/matching-refs/{ref...}": {(*Forge).matchReferences, "contents:read"},
	"GET /repos/{owner}/{repo}/tarball/{ref...}":           {(*Forge).getTarball, "contents:read"},

	"POST /repos/{owner}/{repo}/git/blobs":               {(*Forge).createBlob, "contents:write"},
	"POST /repos/{owner}/{repo}/git/trees":               {(*Forge).createTree, "contents:write"},
	"POST /repos/{owner}/{repo}/git/commits":             {(*Forge).createCommit, "contents:write"},
	"GET /repos/{owner}/{repo}/git/commits/{commit_sha}": {(*Forge).getGitCommit, "contents:read"},
	"POST /repos/{owner}/{repo}/git/refs":                {(*Forge).createReference, "contents:write"},
	"PATCH /repos/{owner}/{repo}/git/refs/{ref...}":      {(*Forge).patchReference, "contents:write"},
	"DELETE /repos/{owner}/{repo}/git/refs/{ref...}":     {(*Forge).deleteReference, "contents:write"},

	"GET /repos/{owner}/{repo}/pulls":                                    {(*Forge).listPulls, "pull_requests:read"},
	"POST /repos/{owner}/{repo}/pulls":                                   {(*Forge).createPull, "pull_requests:write"},
	"GET /repos/{owner}/{repo}/pulls/{pull_number}":                      {(*Forge).getPull, "pull_requests:read"},
	"PATCH /repos/{owner}/{repo}/pulls/{pull_number}":                    {(*Forge).patchPull, "pull_requests:write"},
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/files":                {(*Forge).listPullFiles, "pull_requests:read"},
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/merge":                {(*Forge).getPullMerge, "pull_requests:read"},
	"PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge":                {(*Forge).mergePull, "contents:write"},
	"POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers": {(*Forge).requestReviewers, "pull_requests:write"},
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews":              {(*Forge).listReviews, "pull_requests:read"},
	"POST /repos/{owner}/{repo}/issues/{issue_number}/assignees":         {(*Forge).addAssignees, "pull_requests:write"},
	"GET /repos/{owner}/{repo}/forks":                                    {(*Forge).listForks, "metadata:read"},
	"POST /repos/{owner}/{repo}/forks":                                   {(*Forge).createFork, forUsers},
}

// exchange is one API call.
type exchange struct {
	r      *http.Request
	shapes shapes
	caller caller
}

func (x *exchange) value(name string) string { return x.r.PathValue(name) }

// decode decodes the JSON body. The error for invalid JSON is GitHub's, and the same for every path.
func (x *exchange) decode(into any) error {
	content, err := io.ReadAll(x.r.Body)
	if err != nil {
		return &apiError{status: http.StatusBadRequest, message: "Body should be a JSON object"}
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil
	}
	if err := json.Unmarshal(content, into); err != nil {
		return &apiError{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	}
	return nil
}

// apiError is an error in GitHub's form.
type apiError struct {
	status  int
	message string
	// The rest is an item of GitHub's "errors". Without a resource, the item is a sentence; without a detail
	// there is none.
	resource, field, code, detail string
}

func (e *apiError) Error() string { return e.message }

func (e *apiError) body() object {
	body := object{
		"message": e.message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(e.status),
	}
	switch {
	case e.status != http.StatusUnprocessableEntity || e.resource+e.detail == "":
	case e.resource == "":
		body["errors"] = []string{e.detail}
	default:
		body["errors"] = []object{{"resource": e.resource, "field": e.field, "code": e.code, "message": e.detail}}
	}
	return body
}

func invalid(resource, field, code, detail string) error {
	return &apiError{
		status: http.StatusUnprocessableEntity, message: "Validation Failed", resource: resource, field: field, code: code, detail: detail,
	}
}

// refused is invalid for operations whose errors are sentences only.
func refused(detail string) error { return invalid("", "", "", detail) }

var (
	errHidden = &apiError{status: http.StatusNotFound, message: "Not Found"}
	errEmpty  = &apiError{status: http.StatusConflict, message: "Git Repository is empty."}
)

// plain is a body that is sent as it is.
type plain struct {
	contentType string
	content     []byte
}

// redirect is the URL of a redirect.
type redirect string

func (f *Forge) apiHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, one := range routes {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+apiPrefix+path, func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, one) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { writeError(w, errHidden) })
	return mux
}

func (f *Forge) answer(w http.ResponseWriter, r *http.Request, to route) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	who, err := f.identify(r)
	if err != nil {
		f.writeFailure(w, r, err)
		return
	}
	x := &exchange{r: r, shapes: shapes{base: "http://" + r.Host}, caller: who}
	if permission, level, found := strings.Cut(to.needs, ":"); found && who.grant != nil {
		w.Header().Set("X-Accepted-Github-Permissions", permission+"="+level)
	}
	if err := f.admit(x, to.needs); err != nil {
		f.writeFailure(w, r, err)
		return
	}
	if who.isUser {
		w.Header().Set("X-Oauth-Scopes", userScopes)
	}
	status, body, err := to.serve(f, x)
	if err != nil {
		f.writeFailure(w, r, err)
		return
	}
	writeAnswer(w, r, status, body)
}

// writeFailure converts an error to GitHub's response: an *apiError keeps its status, others are internal.
func (f *Forge) writeFailure(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *apiError
	switch {
	case errors.As(err, &refusal):
		writeError(w, refusal)
	case errors.Is(err, errNotFound), errors.Is(err, errNoRevision):
		writeError(w, errHidden)
	default:
		f.log.Error("local Git forge", "method", r.Method, "path", r.URL.Path, "error", err)
		writeError(w, &apiError{status: http.StatusInternalServerError, message: "Server Error"})
	}
}

func writeError(w http.ResponseWriter, refusal *apiError) {
	encoded, err := json.Marshal(refusal.body())
	if err != nil {
		http.Error(w, refusal.message, refusal.status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(refusal.status)
	w.Write(encoded) //nolint:errcheck // The client has gone.
}

func writeAnswer(w http.ResponseWriter, r *http.Request, status int, body any) {
	answer := plain{contentType: "application/json; charset=utf-8"}
	switch body := body.(type) {
	case nil:
		w.WriteHeader(status)
		return
	case redirect:
		w.Header().Set("Location", string(body))
		w.WriteHeader(status)
		return
	case plain:
		answer = body
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			writeError(w, &apiError{status: http.StatusInternalServerError, message: "Server Error"})
			return
		}
		answer.content = encoded
	}
	w.Header().Set("Content-Type", answer.contentType)
	if r.Method == http.MethodGet {
		digest := sha256.Sum256(answer.content)
		tag := `"` + hex.EncodeToString(digest[:16]) + `"`
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(status)
	w.Write(answer.content) //nolint:errcheck // The client has gone.
}

// repository finds the repository of the path. A private one exists only for callers that may see it.
func (f *Forge) repository(x *exchange) (*repository, error) {
	repo, err := f.store.repository(x.value("owner"), x.value("repo"))
	if err != nil {
		return nil, err
	}
	if !x.caller.sees(repo) {
		return nil, errHidden
	}
	return repo, nil
}

// update changes the repository of the path.
func (f *Forge) update(x *exchange, change func(*repository) error) (*repository, error) {
	return f.store.updateRepository(x.value("owner"), x.value("repo"), change)
}
