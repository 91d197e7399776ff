package forge

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// deployKey is a public key with access to one repository. The forge stores it: it has no SSH.
type deployKey struct {
	ID        int64     `json:"id"`
	Title     string    `json:"title"`
	Key       string    `json:"key"`
	ReadOnly  bool      `json:"readOnly"`
	CreatedAt time.Time `json:"createdAt"`
}

func (f *Forge) listDeployKeys(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, repo.DeployKeys)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, one := range page {
		answer = append(answer, x.shapes.deployKey(repo, one))
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) createDeployKey(x *exchange) (int, any, error) {
	var body struct {
		Title    string `json:"title"`
		Key      string `json:"key"`
		ReadOnly bool   `json:"read_only"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	key, err := normalKey(body.Key)
	if err != nil {
		return 0, nil, invalid("PublicKey", "key", "custom", "key is invalid. You must supply a key in OpenSSH public key format")
	}
	created := deployKey{Title: body.Title, Key: key, ReadOnly: body.ReadOnly, CreatedAt: now()}
	repo, err := f.update(x, func(repo *repository) error {
		if slices.ContainsFunc(repo.DeployKeys, func(one deployKey) bool { return one.Key == created.Key }) {
			return invalid("PublicKey", "key", "custom", "key is already in use")
		}
		created.ID = f.store.nextID()
		repo.DeployKeys = append(repo.DeployKeys, created)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, x.shapes.deployKey(repo, created), nil
}

// normalKey is a public key without its comment.
func normalKey(text string) (string, error) {
	parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text)) //nolint:dogsled // Only the key counts.
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(parsed))), nil
}

func (f *Forge) deleteDeployKey(x *exchange) (int, any, error) {
	_, err := f.update(x, func(repo *repository) error {
		return remove(x.value("key_id"), &repo.DeployKeys, func(one deployKey) int64 { return one.ID })
	})
	return http.StatusNoContent, nil, err
}

func (s shapes) deployKey(repo *repository, one deployKey) object {
	return object{
		"id": one.ID, "key": one.Key, "title": one.Title, "verified": true, "read_only": one.ReadOnly, "created_at": timestamp(one.CreatedAt),
		"url": s.repositoryAPI(repo) + "/keys/" + strconv.FormatInt(one.ID, 10), "added_by": nil, "last_used": nil, "enabled": true,
	}
}
