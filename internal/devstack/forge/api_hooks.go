package forge

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// hook is one of a repository's webhooks. The forge stores them, and delivers no events.
type hook struct {
	ID          int64     `json:"id"`
	URL         string    `json:"url"`
	ContentType string    `json:"contentType"`
	Secret      string    `json:"secret,omitempty"`
	InsecureSSL string    `json:"insecureSsl"`
	Events      []string  `json:"events"`
	Active      bool      `json:"active"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

// hookChange is the body of POST and PATCH. Missing fields keep the values of the hook.
type hookChange struct {
	Name   string `json:"name"`
	Config struct {
		URL         *string `json:"url"`
		ContentType *string `json:"content_type"`
		Secret      *string `json:"secret"`
		InsecureSSL any     `json:"insecure_ssl"`
	} `json:"config"`
	Events []string `json:"events"`
	Active *bool    `json:"active"`
}

// apply changes a hook, and rejects what GitHub rejects.
func (c *hookChange) apply(to *hook) error {
	to.URL = *cmp.Or(c.Config.URL, &to.URL)
	to.ContentType = *cmp.Or(c.Config.ContentType, &to.ContentType)
	to.Secret = *cmp.Or(c.Config.Secret, &to.Secret)
	to.Active = *cmp.Or(c.Active, &to.Active)
	if len(c.Events) > 0 {
		to.Events = slices.Compact(slices.Sorted(slices.Values(c.Events)))
	}
	switch given := c.Config.InsecureSSL.(type) {
	case string:
		to.InsecureSSL = given
	case float64:
		to.InsecureSSL = strconv.Itoa(int(given))
	}
	target, err := url.Parse(to.URL)
	switch {
	case c.Name != "" && c.Name != "web":
		return invalid("Hook", "name", "invalid", "The specified hook type is not supported")
	case err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http":
		return invalid("Hook", "url", "custom", "url is missing a scheme")
	case to.ContentType != "form" && to.ContentType != "json":
		return invalid("Hook", "content_type", "custom", "content_type is form or json")
	}
	return nil
}

func (f *Forge) listHooks(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, repo.Hooks)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, one := range page {
		answer = append(answer, x.shapes.hook(repo, one))
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) createHook(x *exchange) (int, any, error) {
	var body hookChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	created := hook{ContentType: "form", InsecureSSL: "0", Events: []string{"push"}, Active: true, CreatedAt: now(), UpdatedAt: now()}
	if err := body.apply(&created); err != nil {
		return 0, nil, err
	}
	repo, err := f.update(x, func(repo *repository) error {
		if slices.ContainsFunc(repo.Hooks, func(one hook) bool { return one.URL == created.URL && slices.Equal(one.Events, created.Events) }) {
			return invalid("Hook", "", "custom", "Hook already exists on this repository")
		}
		created.ID = f.store.nextID()
		repo.Hooks = append(repo.Hooks, created)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, x.shapes.hook(repo, created), nil
}

func (f *Forge) patchHook(x *exchange) (int, any, error) {
	var body hookChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	var changed hook
	repo, err := f.update(x, func(repo *repository) error {
		at := indexOf(x.value("hook_id"), repo.Hooks, func(one hook) int64 { return one.ID })
		if at < 0 {
			return errHidden
		}
		repo.Hooks[at].UpdatedAt = now()
		err := body.apply(&repo.Hooks[at])
		changed = repo.Hooks[at]
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.hook(repo, changed), nil
}

func (f *Forge) deleteHook(x *exchange) (int, any, error) {
	_, err := f.update(x, func(repo *repository) error {
		return remove(x.value("hook_id"), &repo.Hooks, func(one hook) int64 { return one.ID })
	})
	return http.StatusNoContent, nil, err
}

// indexOf is where the item with an id is, -1 when there is none.
func indexOf[T any](id string, items []T, idOf func(T) int64) int {
	return slices.IndexFunc(items, func(one T) bool { return strconv.FormatInt(idOf(one), 10) == id })
}

// remove removes the item with an id. The error says that there is none.
func remove[T any](id string, items *[]T, idOf func(T) int64) error {
	at := indexOf(id, *items, idOf)
	if at < 0 {
		return errHidden
	}
	*items = slices.Delete(*items, at, at+1)
	return nil
}

func (s shapes) hook(repo *repository, one hook) object {
	address := s.repositoryAPI(repo) + "/hooks/" + strconv.FormatInt(one.ID, 10)
	config := object{"url": one.URL, "content_type": one.ContentType, "insecure_ssl": one.InsecureSSL}
	if one.Secret != "" {
		config["secret"] = "********"
	}
	return object{
		"type": "Repository", "id": one.ID, "name": "web", "active": one.Active, "events": one.Events, "config": config,
		"created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt), "url": address,
		"test_url": address + "/test", "ping_url": address + "/pings", "deliveries_url": address + "/deliveries",
		"last_response": object{"code": nil, "status": "unused", "message": nil},
	}
}
