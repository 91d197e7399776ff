package forge

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// environment is one of a repository's deployment environments. The forge deploys nothing, so its rules are
// only stored.
type environment struct {
	ID                int64               `json:"id"`
	Name              string              `json:"name"`
	WaitTimer         int                 `json:"waitTimer,omitempty"`
	PreventSelfReview bool                `json:"preventSelfReview,omitempty"`
	Reviewers         []reviewer          `json:"reviewers,omitempty"`
	BranchPolicy      *branchPolicy       `json:"branchPolicy,omitempty"`
	Patterns          []refPattern        `json:"patterns,omitempty"`
	Variables         map[string]variable `json:"variables,omitempty"`
	Secrets           map[string]secret   `json:"secrets,omitempty"`
	Key               *sealingKey         `json:"key,omitempty"`
	CreatedAt         time.Time           `json:"createdAt"`
	UpdatedAt         time.Time           `json:"updatedAt"`
}

// reviewer is a user or a team that must approve deployments.
type reviewer struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

// branchPolicy says which branches may be deployed: exactly one of the two.
type branchPolicy struct {
	ProtectedBranches    bool `json:"protected_branches"`
	CustomBranchPolicies bool `json:"custom_branch_policies"`
}

// refPattern is a pattern of branches or tags that may be deployed.
type refPattern struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (f *Forge) listEnvironments(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, repo.Environments)
	if err != nil {
		return 0, nil, err
	}
	listed := []object{}
	for _, one := range page {
		shown, err := f.describeEnvironment(x, repo, one)
		if err != nil {
			return 0, nil, err
		}
		listed = append(listed, shown)
	}
	return http.StatusOK, object{"total_count": len(repo.Environments), "environments": listed}, nil
}

// at is where the environment of that name is, -1 when there is none. Names differ by more than case.
func (r *repository) environmentAt(name string) int {
	return slices.IndexFunc(r.Environments, func(one environment) bool { return strings.EqualFold(one.Name, name) })
}

// environment finds the environment of the path.
func (f *Forge) environment(x *exchange) (*repository, environment, error) {
	repo, err := f.repository(x)
	if err != nil {
		return nil, environment{}, err
	}
	at := repo.environmentAt(x.value("environment"))
	if at < 0 {
		return nil, environment{}, errHidden
	}
	return repo, repo.Environments[at], nil
}

// changeEnvironment changes the environment of the path.
func (f *Forge) changeEnvironment(x *exchange, change func(*environment) error) (environment, error) {
	var changed environment
	_, err := f.update(x, func(repo *repository) error {
		at := repo.environmentAt(x.value("environment"))
		if at < 0 {
			return errHidden
		}
		err := change(&repo.Environments[at])
		changed = repo.Environments[at]
		return err
	})
	return changed, err
}

func (f *Forge) getEnvironment(x *exchange) (int, any, error) {
	repo, one, err := f.environment(x)
	if err != nil {
		return 0, nil, err
	}
	shown, err := f.describeEnvironment(x, repo, one)
	return http.StatusOK, shown, err
}

// putEnvironment creates the environment, or replaces its rules.
func (f *Forge) putEnvironment(x *exchange) (int, any, error) {
	var body struct {
		WaitTimer         int           `json:"wait_timer"`
		PreventSelfReview bool          `json:"prevent_self_review"`
		Reviewers         []reviewer    `json:"reviewers"`
		BranchPolicy      *branchPolicy `json:"deployment_branch_policy"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	policy := body.BranchPolicy
	switch {
	case body.WaitTimer < 0 || body.WaitTimer > 43200:
		return 0, nil, invalid("Environment", "wait_timer", "invalid", "wait_timer is 0 to 43200 minutes")
	case len(body.Reviewers) > 6:
		return 0, nil, invalid("Environment", "reviewers", "invalid", "an environment has up to six reviewers")
	case policy != nil && policy.ProtectedBranches == policy.CustomBranchPolicies:
		return 0, nil, invalid("Environment", "deployment_branch_policy", "invalid",
			"protected_branches and custom_branch_policies cannot have the same value")
	}
	for _, one := range body.Reviewers {
		if _, err := f.reviewerShape(x, one); err != nil {
			return 0, nil, invalid("Environment", "reviewers", "invalid", "there is no such reviewer")
		}
	}
	var changed environment
	repo, err := f.update(x, func(repo *repository) error {
		at := repo.environmentAt(x.value("environment"))
		if at < 0 {
			at = len(repo.Environments)
			repo.Environments = append(repo.Environments, environment{ID: f.store.nextID(), Name: x.value("environment"), CreatedAt: now()})
		}
		one := &repo.Environments[at]
		one.WaitTimer, one.PreventSelfReview, one.Reviewers, one.BranchPolicy = body.WaitTimer, body.PreventSelfReview, body.Reviewers, policy
		one.UpdatedAt = now()
		changed = *one
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	shown, err := f.describeEnvironment(x, repo, changed)
	return http.StatusOK, shown, err
}

func (f *Forge) deleteEnvironment(x *exchange) (int, any, error) {
	_, err := f.update(x, func(repo *repository) error {
		at := repo.environmentAt(x.value("environment"))
		if at < 0 {
			return errHidden
		}
		repo.Environments = slices.Delete(repo.Environments, at, at+1)
		return nil
	})
	return http.StatusNoContent, nil, err
}

func (f *Forge) listBranchPolicies(x *exchange) (int, any, error) {
	_, one, err := f.environment(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, one.Patterns)
	if err != nil {
		return 0, nil, err
	}
	listed := []object{}
	for _, pattern := range page {
		listed = append(listed, pattern.shape())
	}
	return http.StatusOK, object{"total_count": len(one.Patterns), "branch_policies": listed}, nil
}

// createBranchPolicy adds a pattern. GitHub answers 303 for one that is there already.
func (f *Forge) createBranchPolicy(x *exchange) (int, any, error) {
	body := refPattern{Type: "branch"}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	exists := false
	_, err := f.changeEnvironment(x, func(one *environment) error {
		if one.BranchPolicy == nil || !one.BranchPolicy.CustomBranchPolicies {
			return errHidden
		}
		exists = slices.ContainsFunc(one.Patterns, func(known refPattern) bool { return known.Name == body.Name && known.Type == body.Type })
		if !exists {
			body.ID = f.store.nextID()
			one.Patterns = append(one.Patterns, body)
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, nil, err
	case exists:
		return http.StatusSeeOther, nil, nil
	}
	return http.StatusOK, body.shape(), nil
}

func (p refPattern) shape() object {
	return object{"id": p.ID, "node_id": nodeID("BranchPolicy", p.ID), "name": p.Name, "type": p.Type}
}

func (f *Forge) listEnvironmentVariables(x *exchange) (int, any, error) {
	_, one, err := f.environment(x)
	return http.StatusOK, variablesOf(one.Variables), err
}

func (f *Forge) createEnvironmentVariable(x *exchange) (int, any, error) {
	var body variableChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	_, err := f.changeEnvironment(x, func(one *environment) error { return body.create(&one.Variables) })
	return http.StatusCreated, object{}, err
}

func (f *Forge) patchEnvironmentVariable(x *exchange) (int, any, error) {
	var body variableChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	_, err := f.changeEnvironment(x, func(one *environment) error { return body.replace(one.Variables, x.value("name")) })
	return http.StatusNoContent, nil, err
}

func (f *Forge) listEnvironmentSecrets(x *exchange) (int, any, error) {
	_, one, err := f.environment(x)
	return http.StatusOK, secretsOf(one.Secrets), err
}

func (f *Forge) getEnvironmentKey(x *exchange) (int, any, error) {
	_, one, err := f.environment(x)
	if err == nil && one.Key == nil {
		one, err = f.changeEnvironment(x, func(one *environment) (err error) {
			if one.Key == nil {
				one.Key, err = newSealingKey(one.ID)
			}
			return err
		})
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"key_id": one.Key.ID, "key": one.Key.Public}, nil
}

func (f *Forge) putEnvironmentSecret(x *exchange) (int, any, error) {
	var body sealedValue
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if err := checkSettingName("Secret", x.value("name")); err != nil {
		return 0, nil, err
	}
	replaced := false
	_, err := f.changeEnvironment(x, func(one *environment) (err error) {
		replaced, err = body.put(&one.Secrets, one.Key, x.value("name"))
		return err
	})
	if err != nil || replaced {
		return http.StatusNoContent, nil, err
	}
	return http.StatusCreated, object{}, nil
}

// describeEnvironment is the form of an environment: its settings are rules.
func (f *Forge) describeEnvironment(x *exchange, repo *repository, one environment) (object, error) {
	rules := []object{}
	rule := func(kind string, more object) {
		id := one.ID + int64(len(rules)) + 1
		rules = append(rules, object{"id": id, "node_id": nodeID("Gate", id), "type": kind}.with(more))
	}
	if one.WaitTimer > 0 {
		rule("wait_timer", object{"wait_timer": one.WaitTimer})
	}
	if len(one.Reviewers) > 0 {
		reviewers := []object{}
		for _, each := range one.Reviewers {
			shown, err := f.reviewerShape(x, each)
			if err != nil {
				return nil, err
			}
			reviewers = append(reviewers, object{"type": each.Type, "reviewer": shown})
		}
		rule("required_reviewers", object{"prevent_self_review": one.PreventSelfReview, "reviewers": reviewers})
	}
	if one.BranchPolicy != nil {
		rule("branch_policy", nil)
	}
	return object{
		"id": one.ID, "node_id": nodeID("Environment", one.ID), "name": one.Name, "protection_rules": rules,
		"deployment_branch_policy": one.BranchPolicy, "created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt),
		"url":      x.shapes.repositoryAPI(repo) + "/environments/" + strings.ReplaceAll(escapePath(one.Name), "/", "%2F"),
		"html_url": x.shapes.page(repo),
	}, nil
}

// reviewerShape is the user or the team with the reviewer's id.
func (f *Forge) reviewerShape(x *exchange, one reviewer) (object, error) {
	for _, owner := range f.store.listOwners() {
		if one.Type == kindUser && owner.ID == one.ID && owner.Kind == kindUser {
			return x.shapes.simpleUser(owner), nil
		}
		for slug, found := range owner.Teams {
			if one.Type == "Team" && found.ID == one.ID {
				shown := x.shapes.team(owner, slug, found)
				delete(shown, "organization")
				return shown.with(object{"parent": nil, "notification_setting": "notifications_enabled"}), nil
			}
		}
	}
	return nil, errHidden
}

// deployment shows that somebody uses an environment.
type deployment struct {
	ID          int64     `json:"id"`
	Environment string    `json:"environment"`
	Ref         string    `json:"ref"`
	Commit      string    `json:"commit"`
	CreatedAt   time.Time `json:"createdAt"`
}

func (f *Forge) listDeployments(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	author, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	wanted := x.r.URL.Query().Get("environment")
	found := slices.DeleteFunc(slices.Clone(repo.Deployments), func(one deployment) bool { return wanted != "" && one.Environment != wanted })
	page, err := pageOf(x, found)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, one := range page {
		answer = append(answer, x.shapes.deployment(repo, one, author))
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) createDeployment(x *exchange) (int, any, error) {
	body := struct {
		Ref              string          `json:"ref"`
		Environment      string          `json:"environment"`
		Description      string          `json:"description"`
		RequiredContexts []string        `json:"required_contexts"`
		Payload          json.RawMessage `json:"payload"`
	}{Environment: "production"}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	commit, err := f.store.open(repo).resolve(x.r.Context(), body.Ref)
	if err != nil {
		return 0, nil, &apiError{status: http.StatusUnprocessableEntity, message: "No ref found for: " + body.Ref}
	}
	author, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	created := deployment{Environment: body.Environment, Ref: body.Ref, Commit: commit, CreatedAt: now()}
	repo, err = f.update(x, func(repo *repository) error {
		created.ID = f.store.nextID()
		repo.Deployments = append(repo.Deployments, created)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, x.shapes.deployment(repo, created, author), nil
}

func (s shapes) deployment(repo *repository, one deployment, author *account) object {
	address := s.repositoryAPI(repo) + "/deployments/" + strconv.FormatInt(one.ID, 10)
	return object{
		"id": one.ID, "node_id": nodeID("Deployment", one.ID), "url": address, "sha": one.Commit, "ref": one.Ref, "task": "deploy",
		"payload": object{}, "original_environment": one.Environment, "environment": one.Environment, "description": nil,
		"creator": s.simpleUser(author), "created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.CreatedAt),
		"statuses_url": address + "/statuses", "repository_url": s.repositoryAPI(repo),
	}
}
