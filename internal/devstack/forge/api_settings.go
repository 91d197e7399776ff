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
	} `json:"required_pull_request_reviews"`
	EnforceAdmins                  bool `json:"enforce_admins"`
	RequiredLinearHistory          bool `json:"required_linear_history"`
	RequiredConversationResolution bool `json:"required_conversation_resolution"`
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
	return http.StatusOK, x.shapes.protection(repo, branch, rules), nil
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
	repo, err := f.changeProtection(x, branch, func(was protection) protection {
		rules.RequiredSignatures = was.RequiredSignatures
		return rules
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.protection(repo, branch, rules), nil
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
	listed := []object{}
	for _, name := range slices.Sorted(maps.Keys(repo.Variables)) {
		one := repo.Variables[name]
		listed = append(listed, object{
			"name": name, "value": one.Value, "created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt),
		})
	}
	return http.StatusOK, object{"total_count": len(listed), "variables": listed}, nil
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

func (f *Forge) createVariable(x *exchange) (int, any, error) {
	var body variableChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if err := checkSettingName("Variable", body.Name); err != nil {
		return 0, nil, err
	}
	_, err := f.update(x, func(repo *repository) error {
		name := strings.ToUpper(body.Name)
		if _, exists := repo.Variables[name]; exists {
			return &apiError{status: http.StatusConflict, message: "Already exists - Variable already exists"}
		}
		if repo.Variables == nil {
			repo.Variables = map[string]variable{}
		}
		repo.Variables[name] = variable{Value: body.Value, CreatedAt: now(), UpdatedAt: now()}
		return nil
	})
	return http.StatusCreated, object{}, err
}

func (f *Forge) patchVariable(x *exchange) (int, any, error) {
	var body variableChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	_, err := f.update(x, func(repo *repository) error {
		name := strings.ToUpper(x.value("name"))
		one, exists := repo.Variables[name]
		if !exists {
			return errHidden
		}
		one.Value, one.UpdatedAt = body.Value, now()
		repo.Variables[name] = one
		return nil
	})
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
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	r.Key = &sealingKey{
		ID:      fmt.Sprint(r.ID),
		Public:  base64.StdEncoding.EncodeToString(public[:]),
		Private: base64.StdEncoding.EncodeToString(private[:]),
	}
	return nil
}

func (f *Forge) listSecrets(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	listed := []object{}
	for _, name := range slices.Sorted(maps.Keys(repo.Secrets)) {
		one := repo.Secrets[name]
		listed = append(listed, object{"name": name, "created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt)})
	}
	return http.StatusOK, object{"total_count": len(listed), "secrets": listed}, nil
}

func (f *Forge) putSecret(x *exchange) (int, any, error) {
	var body struct {
		EncryptedValue string `json:"encrypted_value"`
		KeyID          string `json:"key_id"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if err := checkSettingName("Secret", x.value("name")); err != nil {
		return 0, nil, err
	}
	status := http.StatusCreated
	_, err := f.update(x, func(repo *repository) error {
		if repo.Key == nil || body.KeyID != repo.Key.ID {
			return invalid("Secret", "key_id", "invalid", "key_id is not the repository's public key")
		}
		if err := repo.Key.check(body.EncryptedValue); err != nil {
			return invalid("Secret", "encrypted_value", "invalid", err.Error())
		}
		name := strings.ToUpper(x.value("name"))
		one := secret{Sealed: body.EncryptedValue, CreatedAt: now(), UpdatedAt: now()}
		if was, exists := repo.Secrets[name]; exists {
			status, one.CreatedAt = http.StatusNoContent, was.CreatedAt
		}
		if repo.Secrets == nil {
			repo.Secrets = map[string]secret{}
		}
		repo.Secrets[name] = one
		return nil
	})
	if err != nil || status == http.StatusNoContent {
		return status, nil, err
	}
	return status, object{}, nil
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
