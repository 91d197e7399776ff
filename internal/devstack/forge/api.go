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

// maxBody bounds the body of an API call.
const maxBody = 1 << 20

// endpoint answers one API call: a status and a body that becomes JSON, or plain bytes or a redirect. A nil body sends none.
type endpoint func(*Forge, *exchange) (status int, body any, err error)

// endpoints is the API: the paths of GitHub's REST API that Portico uses, each with what GitHub answers.
var endpoints = map[string]endpoint{
	"GET /user":                                              (*Forge).getAuthenticatedUser,
	"GET /users/{owner}":                                     (*Forge).getUser,
	"GET /user/memberships/orgs/{org}":                       (*Forge).getMembership,
	"POST /orgs/{org}/teams":                                 (*Forge).createTeam,
	"GET /orgs/{org}/teams/{team_slug}":                      (*Forge).getTeam,
	"PUT /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}": (*Forge).addTeamRepository,

	"POST /orgs/{org}/repos":             (*Forge).createInOrganization,
	"POST /user/repos":                   (*Forge).createForUser,
	"GET /repos/{owner}/{repo}":          (*Forge).getRepository,
	"PATCH /repos/{owner}/{repo}":        (*Forge).patchRepository,
	"DELETE /repos/{owner}/{repo}":       (*Forge).deleteRepository,
	"GET /repos/{owner}/{repo}/topics":   (*Forge).getTopics,
	"PUT /repos/{owner}/{repo}/topics":   (*Forge).putTopics,
	"GET /repos/{owner}/{repo}/issues":   (*Forge).listIssues,
	"POST /repos/{owner}/{repo}/issues":  (*Forge).createIssue,
	"GET /repos/{owner}/{repo}/branches": (*Forge).listBranches,
	"GET /repos/{owner}/{repo}/tags":     (*Forge).listTags,

	"GET /repos/{owner}/{repo}/branches/{branch}":                                 (*Forge).getBranch,
	"GET /repos/{owner}/{repo}/branches/{branch}/protection":                      (*Forge).getProtection,
	"PUT /repos/{owner}/{repo}/branches/{branch}/protection":                      (*Forge).putProtection,
	"POST /repos/{owner}/{repo}/branches/{branch}/protection/required_signatures": (*Forge).requireSignatures,

	"PUT /repos/{owner}/{repo}/collaborators/{username}":       (*Forge).putCollaborator,
	"GET /repos/{owner}/{repo}/subscription":                   (*Forge).getSubscription,
	"PUT /repos/{owner}/{repo}/subscription":                   (*Forge).putSubscription,
	"GET /repos/{owner}/{repo}/properties/values":              (*Forge).getProperties,
	"PATCH /repos/{owner}/{repo}/properties/values":            (*Forge).patchProperties,
	"GET /repos/{owner}/{repo}/actions/variables":              (*Forge).listVariables,
	"POST /repos/{owner}/{repo}/actions/variables":             (*Forge).createVariable,
	"PATCH /repos/{owner}/{repo}/actions/variables/{name}":     (*Forge).patchVariable,
	"GET /repos/{owner}/{repo}/actions/secrets":                (*Forge).listSecrets,
	"GET /repos/{owner}/{repo}/actions/secrets/public-key":     (*Forge).getPublicKey,
	"PUT /repos/{owner}/{repo}/actions/secrets/{name}":         (*Forge).putSecret,
	"GET /repos/{owner}/{repo}/actions/oidc/customization/sub": (*Forge).getOIDCSubject,
	"PUT /repos/{owner}/{repo}/actions/oidc/customization/sub": (*Forge).putOIDCSubject,

	"GET /repos/{owner}/{repo}/contents/{path...}":         (*Forge).getContents,
	"GET /repos/{owner}/{repo}/commits":                    (*Forge).listCommits,
	"GET /repos/{owner}/{repo}/commits/{ref...}":           (*Forge).getCommitOrStatus,
	"GET /repos/{owner}/{repo}/git/trees/{tree_sha...}":    (*Forge).getTree,
	"GET /repos/{owner}/{repo}/git/blobs/{file_sha}":       (*Forge).getBlob,
	"GET /repos/{owner}/{repo}/git/ref/{ref...}":           (*Forge).getReference,
	"GET /repos/{owner}/{repo}/git/matching-refs/{ref...}": (*Forge).matchReferences,
	"GET /repos/{owner}/{repo}/tarball/{ref...}":           (*Forge).getTarball,
}

// exchange is one API call.
type exchange struct {
	r      *http.Request
	shapes shapes
	// trusted callers hold the token.
	trusted bool
}

func (x *exchange) value(name string) string { return x.r.PathValue(name) }

// decode reads the body as JSON. GitHub's message for a body that is none is the same for every path.
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

// apiError is a refusal in GitHub's form.
type apiError struct {
	status  int
	message string
	// The rest says which part of a request was refused, as GitHub's "errors" does; without a resource it is just a sentence.
	resource, field, code, detail string
}

func (e *apiError) Error() string { return e.message }

func (e *apiError) body() object {
	body := object{
		"message": e.message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(e.status),
	}
	switch {
	case e.status != http.StatusUnprocessableEntity:
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

// refused is invalid for the operations that only give sentences.
func refused(detail string) error { return invalid("", "", "", detail) }

var (
	errHidden       = &apiError{status: http.StatusNotFound, message: "Not Found"}
	errEmpty        = &apiError{status: http.StatusConflict, message: "Git Repository is empty."}
	errBadToken     = &apiError{status: http.StatusUnauthorized, message: "Bad credentials"}
	errTokenMissing = &apiError{status: http.StatusUnauthorized, message: "Requires authentication"}
)

// plain is a body that is sent as it is.
type plain struct {
	contentType string
	content     []byte
}

// redirect is the address a call is sent on to.
type redirect string

func (f *Forge) apiHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range endpoints {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+apiPrefix+path, func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, serve) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { writeError(w, errHidden) })
	return mux
}

func (f *Forge) answer(w http.ResponseWriter, r *http.Request, serve endpoint) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	trusted, presented := f.holdsToken(r)
	if !trusted && presented {
		writeError(w, errBadToken)
		return
	}
	if !trusted && r.Method != http.MethodGet {
		writeError(w, errTokenMissing)
		return
	}
	status, body, err := serve(f, &exchange{r: r, shapes: shapes{base: "http://" + r.Host}, trusted: trusted})
	if err != nil {
		f.writeFailure(w, r, err)
		return
	}
	writeAnswer(w, r, status, body)
}

// writeFailure turns an error into GitHub's answer: what is missing and what is refused are the caller's, the rest is ours.
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
	w.Write(encoded) //nolint:errcheck // The caller is gone; there is nobody to tell.
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
	w.Write(answer.content) //nolint:errcheck // The caller is gone; there is nobody to tell.
}

// repository finds the repository of the path; a private one is not there for callers without the token.
func (f *Forge) repository(x *exchange) (*repository, error) {
	repo, err := f.store.repository(x.value("owner"), x.value("repo"))
	if err != nil {
		return nil, err
	}
	if !x.trusted && repo.Settings.Visibility != visibilityPublic {
		return nil, errHidden
	}
	return repo, nil
}

// update changes the repository of the path.
func (f *Forge) update(x *exchange, change func(*repository) error) (*repository, error) {
	return f.store.updateRepository(x.value("owner"), x.value("repo"), change)
}
