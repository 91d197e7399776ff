package forge

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// commitStatus is what somebody says about a commit.
type commitStatus struct {
	ID          int64     `json:"id"`
	SHA         string    `json:"sha"`
	State       string    `json:"state"`
	Context     string    `json:"context"`
	Description string    `json:"description,omitempty"`
	TargetURL   string    `json:"targetUrl,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
}

// maxStatusDescription is GitHub's bound.
const maxStatusDescription = 140

// Status is what was said last about a commit in a context.
type Status struct{ State, Description, TargetURL string }

// Statuses are what was said last about a commit, by context.
func (f *Forge) Statuses(owner, name, commit string) (map[string]Status, error) {
	repo, err := f.store.repository(owner, name)
	if err != nil {
		return nil, err
	}
	found := map[string]Status{}
	for _, one := range repo.Statuses {
		if one.SHA == commit {
			found[one.Context] = Status{one.State, one.Description, one.TargetURL}
		}
	}
	return found, nil
}

func (f *Forge) createStatus(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	var body struct {
		State       string `json:"state"`
		Context     string `json:"context"`
		Description string `json:"description"`
		TargetURL   string `json:"target_url"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	hash, err := f.store.open(repo).resolve(x.r.Context(), x.value("sha"))
	switch {
	case err != nil || hash != x.value("sha"):
		return 0, nil, invalid("Status", "sha", "custom", "No commit found for SHA: "+x.value("sha"))
	case !slices.Contains([]string{"error", "failure", "pending", "success"}, body.State):
		return 0, nil, invalid("Status", "state", "inclusion", "State is not included in the list")
	case len(body.Description) > maxStatusDescription:
		return 0, nil, invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	created := commitStatus{SHA: hash, State: body.State, Context: cmp.Or(body.Context, "default"), Description: body.Description, TargetURL: body.TargetURL, CreatedAt: now()}
	if _, err := f.update(x, func(repo *repository) error {
		created.ID = f.store.nextID()
		repo.Statuses = append(repo.Statuses, created)
		return nil
	}); err != nil {
		return 0, nil, err
	}
	author, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	creator := x.shapes.simpleUser(author)
	return http.StatusCreated, object{
		"id": created.ID, "node_id": nodeID("StatusContext", created.ID), "url": x.shapes.repositoryAPI(repo) + "/statuses/" + hash,
		"avatar_url": creator["avatar_url"], "state": created.State, "context": created.Context, "description": orNull(created.Description),
		"target_url": orNull(created.TargetURL), "created_at": timestamp(created.CreatedAt), "updated_at": timestamp(created.CreatedAt), "creator": creator,
	}, nil
}
