package gitlabtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

var variables = map[string]func(*call){
	"GET /projects/{id}/variables/{key}":    func(c *call) { c.withVariable(http.StatusOK, func(*project, int) {}) },
	"POST /projects/{id}/variables":         (*call).createVariable,
	"PUT /projects/{id}/variables/{key}":    (*call).changeVariable,
	"DELETE /projects/{id}/variables/{key}": (*call).deleteVariable,
}

var tokens = map[string]func(*call){
	"GET /projects/{id}/access_tokens":            (*call).accessTokens,
	"POST /projects/{id}/access_tokens":           (*call).createAccessToken,
	"DELETE /projects/{id}/access_tokens/{token}": (*call).revokeAccessToken,
	"GET /projects/{id}/deploy_tokens":            (*call).deployTokens,
	"POST /projects/{id}/deploy_tokens":           (*call).createDeployToken,
	"DELETE /projects/{id}/deploy_tokens/{token}": (*call).deleteDeployToken,
}

// tokensOf describes the tokens of a project that are valid.
func (*Server) tokensOf(found *project) string {
	var text strings.Builder
	for _, one := range found.AccessTokens {
		if one.Active {
			fmt.Fprintf(&text, "; access token %s %v %d", one.Name, one.Scopes, one.AccessLevel)
		}
	}
	for _, one := range found.DeployTokens {
		fmt.Fprintf(&text, "; deploy token %s %v", one.Name, one.Scopes)
	}
	return text.String()
}

// Accepts reports whether a project has a valid token with this secret.
func (s *Server) Accepts(path, secret string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.projectAt(path)
	return slices.ContainsFunc(found.AccessTokens, func(one *gitlab.ProjectAccessToken) bool { return one.Active && one.Token == secret }) ||
		slices.ContainsFunc(found.DeployTokens, func(one *gitlab.DeployToken) bool { return one.Token == secret })
}

// withVariable lets do use the variable of the path and the environment scope, which is at a place among the
// project's.
func (c *call) withVariable(status int, do func(found *project, at int)) {
	found := c.project()
	if found == nil || !query[gitlab.GetProjectVariableOptions](c) {
		return
	}
	scope := c.URL.Query().Get("filter[environment_scope]")
	at := slices.IndexFunc(found.Variables, func(one *gitlab.ProjectVariable) bool {
		return one.Key == c.PathValue("key") && (scope == "" || one.EnvironmentScope == scope)
	})
	if at < 0 {
		c.missing("Variable")
		return
	}
	one := found.Variables[at]
	do(found, at)
	if status == http.StatusNoContent {
		c.w.WriteHeader(status)
		return
	}
	c.answer(status, one)
}

func (c *call) createVariable() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.CreateProjectVariableOptions](c)
	if !ok {
		return
	}
	made := &gitlab.ProjectVariable{
		Key: value(options.Key), Value: value(options.Value), VariableType: value(options.VariableType), Protected: value(options.Protected),
		Masked: value(options.Masked), Hidden: value(options.MaskedAndHidden), Raw: value(options.Raw), Description: value(options.Description),
		EnvironmentScope: value(options.EnvironmentScope),
	}
	for _, one := range found.Variables {
		if one.Key == made.Key && one.EnvironmentScope == made.EnvironmentScope {
			refuse(c.w, http.StatusBadRequest, map[string][]string{"key": {fmt.Sprintf("(%s) has already been taken", made.Key)}})
			return
		}
	}
	found.Variables = append(found.Variables, made)
	c.answer(http.StatusCreated, made)
}

func (c *call) changeVariable() {
	options, ok := body[gitlab.UpdateProjectVariableOptions](c)
	if !ok {
		return
	}
	c.withVariable(http.StatusOK, func(found *project, at int) {
		found.Variables[at].Value = value(options.Value)
		found.Variables[at].Masked = value(options.Masked)
	})
}

func (c *call) deleteVariable() {
	c.withVariable(http.StatusNoContent, func(found *project, at int) { found.Variables = slices.Delete(found.Variables, at, at+1) })
}

func (c *call) accessTokens() {
	found := c.project()
	if found == nil || !query[gitlab.ListProjectAccessTokensOptions](c) {
		return
	}
	listed := []*gitlab.ProjectAccessToken{}
	for _, one := range found.AccessTokens {
		shown := *one
		shown.Token = ""
		listed = append(listed, &shown)
	}
	list(c, listed)
}

func (c *call) createAccessToken() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.CreateProjectAccessTokenOptions](c)
	if !ok {
		return
	}
	made := &gitlab.ProjectAccessToken{}
	made.ID, made.Name, made.Active, made.Scopes = c.s.number(), value(options.Name), true, value(options.Scopes)
	made.AccessLevel, made.CreatedAt, made.ExpiresAt = value(options.AccessLevel), now(), options.ExpiresAt
	made.Token = fmt.Sprintf("glpat-secret-%d", made.ID)
	found.AccessTokens = append(found.AccessTokens, made)
	c.answer(http.StatusCreated, made)
}

func (c *call) revokeAccessToken() {
	found := c.project()
	if found == nil {
		return
	}
	for _, one := range found.AccessTokens {
		if one.ID == c.numbered("token") && one.Active {
			one.Active, one.Revoked = false, true
			c.w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	c.missing("Token")
}

func (c *call) deployTokens() {
	found := c.project()
	if found == nil || !query[gitlab.ListProjectDeployTokensOptions](c) {
		return
	}
	listed := []*gitlab.DeployToken{}
	for _, one := range found.DeployTokens {
		shown := *one
		shown.Token = ""
		listed = append(listed, &shown)
	}
	list(c, listed)
}

func (c *call) createDeployToken() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.CreateProjectDeployTokenOptions](c)
	if !ok {
		return
	}
	number := c.s.number()
	made := &gitlab.DeployToken{ID: number, Name: value(options.Name), Username: value(options.Username), Scopes: value(options.Scopes),
		Token: fmt.Sprintf("gldt-secret-%d", number)}
	if made.Username == "" {
		made.Username = fmt.Sprintf("gitlab+deploy-token-%d", number)
	}
	found.DeployTokens = append(found.DeployTokens, made)
	c.answer(http.StatusCreated, made)
}

func (c *call) deleteDeployToken() {
	found := c.project()
	if found == nil {
		return
	}
	before := len(found.DeployTokens)
	found.DeployTokens = slices.DeleteFunc(found.DeployTokens, func(one *gitlab.DeployToken) bool { return one.ID == c.numbered("token") })
	if len(found.DeployTokens) == before {
		c.missing("Deploy Token")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}
