package forge

import (
	"net/http"
	"slices"
	"strings"
)

// autolink makes links of references such as TICKET-123.
type autolink struct {
	ID             int64  `json:"id"`
	KeyPrefix      string `json:"keyPrefix"`
	URLTemplate    string `json:"urlTemplate"`
	IsAlphanumeric bool   `json:"isAlphanumeric"`
}

func (f *Forge) listAutolinks(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, one := range repo.Autolinks {
		answer = append(answer, one.shape())
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) createAutolink(x *exchange) (int, any, error) {
	body := struct {
		KeyPrefix      string `json:"key_prefix"`
		URLTemplate    string `json:"url_template"`
		IsAlphanumeric bool   `json:"is_alphanumeric"`
	}{IsAlphanumeric: true}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if !strings.Contains(body.URLTemplate, "<num>") {
		return 0, nil, invalid("KeyLink", "url_template", "custom", "url_template must contain <num> token")
	}
	created := autolink{KeyPrefix: body.KeyPrefix, URLTemplate: body.URLTemplate, IsAlphanumeric: body.IsAlphanumeric}
	_, err := f.update(x, func(repo *repository) error {
		if slices.ContainsFunc(repo.Autolinks, func(one autolink) bool { return strings.EqualFold(one.KeyPrefix, created.KeyPrefix) }) {
			return invalid("KeyLink", "key_prefix", "already_exists", "")
		}
		created.ID = f.store.nextID()
		repo.Autolinks = append(repo.Autolinks, created)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, created.shape(), nil
}

func (f *Forge) deleteAutolink(x *exchange) (int, any, error) {
	_, err := f.update(x, func(repo *repository) error {
		return remove(x.value("autolink_id"), &repo.Autolinks, func(one autolink) int64 { return one.ID })
	})
	return http.StatusNoContent, nil, err
}

func (a autolink) shape() object {
	return object{"id": a.ID, "key_prefix": a.KeyPrefix, "url_template": a.URLTemplate, "is_alphanumeric": a.IsAlphanumeric}
}
