package forge

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// review is what somebody has said about a pull request.
type review struct {
	ID          int64     `json:"id"`
	Author      string    `json:"author"`
	State       string    `json:"state"`
	Commit      string    `json:"commit"`
	SubmittedAt time.Time `json:"submittedAt"`
}

// Review records that a user has reviewed a pull request. The state is GitHub's word: APPROVED, CHANGES_REQUESTED or
// COMMENTED.
func (f *Forge) Review(owner, name string, number int, author, state string) error {
	repo, err := f.store.repository(owner, name)
	if err != nil {
		return err
	}
	repo, err = f.changePull(repo, number, func(one *pull) error {
		one.Reviews = append(one.Reviews, review{ID: f.store.nextID(), Author: author, State: state, Commit: one.HeadHash, SubmittedAt: now()})
		return nil
	})
	if err != nil {
		return err
	}
	return f.mergeIfReady(context.Background(), repo, number)
}

// listReviews lists the reviews of a pull request, the oldest first.
func (f *Forge) listReviews(x *exchange) (int, any, error) {
	repo, found, err := f.pull(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, found.Reviews)
	if err != nil {
		return 0, nil, err
	}
	address, shown := x.shapes.pullAPI(repo, found.Number), x.shapes.page(repo, "pull", fmt.Sprint(found.Number))
	listed := []object{}
	for _, one := range page {
		author, err := f.store.owner(one.Author)
		if err != nil {
			return 0, nil, err
		}
		html := fmt.Sprintf("%s#pullrequestreview-%d", shown, one.ID)
		listed = append(listed, object{
			"id": one.ID, "node_id": nodeID("PullRequestReview", one.ID), "user": x.shapes.simpleUser(author), "body": "", "state": one.State,
			"commit_id": orNull(one.Commit), "html_url": html, "pull_request_url": address, "author_association": "MEMBER",
			"submitted_at": timestamp(one.SubmittedAt), "_links": object{"html": link(html), "pull_request": link(address)},
		})
	}
	return http.StatusOK, listed, nil
}
