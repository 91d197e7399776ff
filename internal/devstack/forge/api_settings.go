package forge

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/nacl/box"
)

// protection is the protection of a branch, with the fields of the request that set it.
type protection struct {
	RequiredStatusChecks *struct {
		Strict   bool     `json:"strict"`
		Contexts []string `json:"contexts"`
	} `json:"required_status_checks"`
	RequiredPullRequestReviews *struct {
		DismissStaleReviews          bool `json:"dismiss_stale_reviews"`
		RequireCodeOwnerReviews      bool `json:"require_code_owner_reviews"`
		RequiredApprovingReviewCount int  `json:"required_approving_review_count"`
		RequireLastPushApproval      bool `json:"require_last_push_approval"`
		// Bypass are those who need no pull request.
		Bypass *protectionActors `json:"bypass_pull_request_allowances"`
	} `json:"required_pull_request_reviews"`
	// Restrictions are those who may push, nil for everybody.
	Restrictions                   *protectionActors `json:"restrictions"`
	BlockCreations                 bool              `json:"block_creations"`
	EnforceAdmins                  bool              `json:"enforce_admins"`
	RequiredLinearHistory          bool              `json:"required_linear_history"`
	RequiredConversationResolution bool              `json:"required_conversation_resolution"`
	// RequiredSignatures has an endpoint of its own.
	RequiredSignatures bool `json:"required_signatures"`
}

// variable is one of a repository's Actions variables.
type variable struct {
	Value     string    `json:"value"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// secret is one of a repository's Actions secrets, sealed by the caller.
type secret struct {
	Sealed    string    `json:"sealed"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// sealingKey is the key pair that callers seal secrets with, in base64.
type sealingKey struct {
	ID      string `json:"id"`
	Public  string `json:"public"`
	Private string `json:"private"`
}

// oidcSubject is the template for the subject of a workflow's identity token.
type oidcSubject struct {
	UseDefault       bool     `json:"use_default"`
	IncludeClaimKeys []string `json:"include_claim_keys,omitempty"`
}

type subscription struct {
	Subscribed bool      `json:"subscribed"`
	Ignored    bool      `json:"ignored"`
	CreatedAt  time.Time `json:"createdAt"`
}

// protectedBranch finds the repository and checks that the branch exists.
func (f *Forge) protectedBranch(x *exchange) (*repository, string, error) {
	repo, err := f.repository(x)
	if err != nil {
		return nil, "", err
	}
	branch := x.value("branch")
	if _, err := f.store.open(repo).resolve(x.r.Context(), "refs/heads/"+branch); err != nil {
		return nil, "", &apiError{status: http.StatusNotFound, message: "Branch not found"}
	}
	return repo, branch, nil
}

func (f *Forge) getProtection(x *exchange) (int, any, error) {
	repo, branch, err := f.protectedBranch(x)
	if err != nil {
		return 0, nil, err
	}
	rules, ok := repo.Protection[branch]
	if !ok {
		return 0, nil, &apiError{status: http.StatusNotFound, message: "Branch not protected"}
	}
	return f.describeProtection(x, repo, branch, rules)
}

func (f *Forge) putProtection(x *exchange) (int, any, error) {
	_, branch, err := f.protectedBranch(x)
	if err != nil {
		return 0, nil, err
	}
	var rules protection
	if err := x.decode(&rules); err != nil {
		return 0, nil, err
	}
	if reviews := rules.RequiredPullRequestReviews; reviews != nil &&
		(reviews.RequiredApprovingReviewCount < 0 || reviews.RequiredApprovingReviewCount > 6) {
		return 0, nil, refused("required_approving_review_count must be between 0 and 6")
	}
	if err := f.checkActors(x, rules); err != nil {
		return 0, nil, err
	}
	repo, err := f.changeProtection(x, branch, func(was protection) protection {
		rules.RequiredSignatures = was.RequiredSignatures
		return rules
	})
	if err != nil {
		return 0, nil, err
	}
	return f.describeProtection(x, repo, branch, rules)
}

func (f *Forge) requireSignatures(x *exchange) (int, any, error) {
	_, branch, err := f.protectedBranch(x)
	if err != nil {
		return 0, nil, err
	}
	repo, err := f.changeProtection(x, branch, func(was protection) protection {
		was.RequiredSignatures = true
		return was
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"url": x.shapes.protectionAPI(repo, branch) + "/required_signatures", "enabled": true}, nil
}

func (f *Forge) changeProtection(x *exchange, branch string, change func(protection) protection) (*repository, error) {
	return f.update(x, func(repo *repository) error {
		if repo.Protection == nil {
			repo.Protection = map[string]protection{}
		}
		repo.Protection[branch] = change(repo.Protection[branch])
		return nil
	})
}

func (s shapes) protectionAPI(repo *repository, branch string) string {
	return s.repositoryAPI(repo) + "/branches/" + escapePath(branch) + "/protection"
}

func (s shapes) protection(repo *repository, branch string, rules protection) object {
	address := s.protectionAPI(repo, branch)
	answer := object{
		"url":                              address,
		"enforce_admins":                   object{"url": address + "/enforce_admins", "enabled": rules.EnforceAdmins},
		"required_signatures":              object{"url": address + "/required_signatures", "enabled": rules.RequiredSignatures},
		"required_linear_history":          object{"enabled": rules.RequiredLinearHistory},
		"block_creations":                  object{"enabled": rules.BlockCreations},
		"allow_force_pushes":               object{"enabled": false},
		"allow_deletions":                  object{"enabled": false},
		"required_conversation_resolution": object{"enabled": rules.RequiredConversationResolution},
	}
	if checks := rules.RequiredStatusChecks; checks != nil {
		named := []object{}
		for _, context := range checks.Contexts {
			named = append(named, object{"context": context, "app_id": nil})
		}
		answer["required_status_checks"] = object{
			"url": address + "/required_status_checks", "contexts_url": address + "/required_status_checks/contexts",
			"strict": checks.Strict, "contexts": append([]string{}, checks.Contexts...), "checks": named,
		}
	}
	if reviews := rules.RequiredPullRequestReviews; reviews != nil {
		answer["required_pull_request_reviews"] = object{
			"url": address + "/required_pull_request_reviews", "dismiss_stale_reviews": reviews.DismissStaleReviews,
			"require_code_owner_reviews":      reviews.RequireCodeOwnerReviews,
			"required_approving_review_count": reviews.RequiredApprovingReviewCount,
			"require_last_push_approval":      reviews.RequireLastPushApproval,
		}
	}
	return answer
}

func (f *Forge) getProperties(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, name := range slices.Sorted(maps.Keys(repo.Properties)) {
		answer = append(answer, object{"property_name": name, "value": repo.Properties[name]})
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) patchProperties(x *exchange) (int, any, error) {
	var body struct {
		Properties []struct {
			Name  string          `json:"property_name"`
			Value json.RawMessage `json:"value"`
		}
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if _, err := f.organization(x.value("owner")); err != nil {
		return 0, nil, err
	}
	_, err := f.update(x, func(repo *repository) error {
		if repo.Properties == nil {
			repo.Properties = map[string]json.RawMessage{}
		}
		for _, property := range body.Properties {
			repo.Properties[property.Name] = property.Value
		}
		return nil
	})
	return http.StatusNoContent, nil, err
}

func (f *Forge) listVariables(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, variablesOf(repo.Variables), nil
}

// variablesOf is the list of a repository's variables, or of an environment's.
func variablesOf(variables map[string]variable) object {
	listed := []object{}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		one := variables[name]
		listed = append(listed, object{
			"name": name, "value": one.Value, "created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt),
		})
	}
	return object{"total_count": len(listed), "variables": listed}
}

// settingName matches the names that GitHub allows for a variable or a secret.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func checkSettingName(resource, name string) error {
	if !settingName.MatchString(name) || strings.HasPrefix(strings.ToUpper(name), "GITHUB_") {
		return invalid(resource, "name", "invalid", fmt.Sprintf(
			"%q: names hold letters, digits and underscores, do not start with a digit or GITHUB_", name))
	}
	return nil
}

type variableChange struct{ Name, Value string }

// create adds a variable to a repository's or an environment's.
func (v variableChange) create(variables *map[string]variable) error {
	if err := checkSettingName("Variable", v.Name); err != nil {
		return err
	}
	name := strings.ToUpper(v.Name)
	if _, exists := (*variables)[name]; exists {
		return &apiError{status: http.StatusConflict, message: "Already exists - Variable already exists"}
	}
	if *variables == nil {
		*variables = map[string]variable{}
	}
	(*variables)[name] = variable{Value: v.Value, CreatedAt: now(), UpdatedAt: now()}
	return nil
}

// replace gives the variable of that name another value.
func (v variableChange) replace(variables map[string]variable, name string) error {
	name = strings.ToUpper(name)
	one, exists := variables[name]
	if !exists {
		return errHidden
	}
	one.Value, one.UpdatedAt = v.Value, now()
	variables[name] = one
	return nil
}

func (f *Forge) createVariable(x *exchange) (int, any, error) {
	var body variableChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	_, err := f.update(x, func(repo *repository) error { return body.create(&repo.Variables) })
	return http.StatusCreated, object{}, err
}

func (f *Forge) patchVariable(x *exchange) (int, any, error) {
	var body variableChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	_, err := f.update(x, func(repo *repository) error { return body.replace(repo.Variables, x.value("name")) })
	return http.StatusNoContent, nil, err
}

func (f *Forge) getPublicKey(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	if repo.Key == nil {
		repo, err = f.update(x, func(repo *repository) error { return repo.makeKey() })
		if err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, object{"key_id": repo.Key.ID, "key": repo.Key.Public}, nil
}

func (r *repository) makeKey() error {
	if r.Key != nil {
		return nil
	}
	var err error
	r.Key, err = newSealingKey(r.ID)
	return err
}

func newSealingKey(id int64) (*sealingKey, error) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return &sealingKey{
		ID:      fmt.Sprint(id),
		Public:  base64.StdEncoding.EncodeToString(public[:]),
		Private: base64.StdEncoding.EncodeToString(private[:]),
	}, nil
}

func (f *Forge) listSecrets(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, secretsOf(repo.Secrets), nil
}

// secretsOf is the list of a repository's secrets, or of an environment's, without their values.
func secretsOf(secrets map[string]secret) object {
	listed := []object{}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		listed = append(listed, secrets[name].described(name))
	}
	return object{"total_count": len(listed), "secrets": listed}
}

func (s secret) described(name string) object {
	return object{"name": name, "created_at": timestamp(s.CreatedAt), "updated_at": timestamp(s.UpdatedAt)}
}

// sealedValue is the body of a request that sets a secret.
type sealedValue struct {
	EncryptedValue string `json:"encrypted_value"`
	KeyID          string `json:"key_id"`
}

// put sets one of the secrets, which was sealed with the key. It reports whether there was one of that name.
func (v sealedValue) put(secrets *map[string]secret, key *sealingKey, name string) (replaced bool, err error) {
	if key == nil || v.KeyID != key.ID {
		return false, invalid("Secret", "key_id", "invalid", "key_id is not the repository's public key")
	}
	if err := key.check(v.EncryptedValue); err != nil {
		return false, invalid("Secret", "encrypted_value", "invalid", err.Error())
	}
	name = strings.ToUpper(name)
	was, replaced := (*secrets)[name]
	one := secret{Sealed: v.EncryptedValue, CreatedAt: now(), UpdatedAt: now()}
	if replaced {
		one.CreatedAt = was.CreatedAt
	}
	if *secrets == nil {
		*secrets = map[string]secret{}
	}
	(*secrets)[name] = one
	return replaced, nil
}

func (f *Forge) putSecret(x *exchange) (int, any, error) {
	var body sealedValue
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if err := checkSettingName("Secret", x.value("name")); err != nil {
		return 0, nil, err
	}
	replaced := false
	_, err := f.update(x, func(repo *repository) (err error) {
		replaced, err = body.put(&repo.Secrets, repo.Key, x.value("name"))
		return err
	})
	if err != nil || replaced {
		return http.StatusNoContent, nil, err
	}
	return http.StatusCreated, object{}, nil
}

func (f *Forge) getSecret(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	name := strings.ToUpper(x.value("name"))
	one, exists := repo.Secrets[name]
	if !exists {
		return 0, nil, errHidden
	}
	return http.StatusOK, one.described(name), nil
}

func (f *Forge) deleteSecret(x *exchange) (int, any, error) {
	_, err := f.update(x, func(repo *repository) error {
		name := strings.ToUpper(x.value("name"))
		if _, exists := repo.Secrets[name]; !exists {
			return errHidden
		}
		delete(repo.Secrets, name)
		return nil
	})
	return http.StatusNoContent, nil, err
}

// check checks that a value was sealed with the key. The error does not contain the value.
func (k *sealingKey) check(sealed string) error {
	content, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return errors.New("not base64")
	}
	public, private := new([32]byte), new([32]byte)
	for _, part := range []struct {
		text string
		into *[32]byte
	}{{k.Public, public}, {k.Private, private}} {
		decoded, err := base64.StdEncoding.DecodeString(part.text)
		if err != nil || copy(part.into[:], decoded) != len(part.into) {
			return errors.New("the repository's key is damaged")
		}
	}
	if _, ok := box.OpenAnonymous(nil, content, public, private); !ok {
		return errors.New("not sealed with the repository's public key")
	}
	return nil
}

func (f *Forge) getOIDCSubject(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, repo.OIDC, nil
}

func (f *Forge) putOIDCSubject(x *exchange) (int, any, error) {
	var body oidcSubject
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	for _, claim := range body.IncludeClaimKeys {
		if !settingName.MatchString(claim) {
			return 0, nil, invalid("OIDC", "include_claim_keys", "invalid", fmt.Sprintf("%q is not a claim", claim))
		}
	}
	_, err := f.update(x, func(repo *repository) error { repo.OIDC = body; return nil })
	return http.StatusCreated, object{}, err
}

func (f *Forge) getSubscription(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	if repo.Subscription == nil {
		return 0, nil, errHidden
	}
	return http.StatusOK, x.shapes.subscription(repo), nil
}

func (f *Forge) putSubscription(x *exchange) (int, any, error) {
	body := subscription{CreatedAt: now()}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.update(x, func(repo *repository) error { repo.Subscription = &body; return nil })
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.subscription(repo), nil
}

func (s shapes) subscription(repo *repository) object {
	return object{
		"subscribed": repo.Subscription.Subscribed, "ignored": repo.Subscription.Ignored, "reason": nil,
		"created_at": timestamp(repo.Subscription.CreatedAt), "url": s.repositoryAPI(repo) + "/subscription",
		"repository_url": s.repositoryAPI(repo),
	}
}
