package forge

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// issue is one of a repository's issues.
type issue struct {
	ID          int64      `json:"id"`
	Number      int        `json:"number"`
	Title       string     `json:"title"`
	Body        string     `json:"body"`
	Labels      []string   `json:"labels,omitempty"`
	Assignees   []string   `json:"assignees,omitempty"`
	Closed      bool       `json:"closed,omitempty"`
	StateReason string     `json:"stateReason,omitempty"`
	CreatedAt   time.Time  `json:"createdAt"`
	UpdatedAt   time.Time  `json:"updatedAt"`
	ClosedAt    *time.Time `json:"closedAt,omitempty"`
}

// State is GitHub's word for whether the issue is open.
func (i issue) State() string {
	if i.Closed {
		return "closed"
	}
	return "open"
}

// listIssues also lists the pull requests, as GitHub does: the newest of both are first.
func (f *Forge) listIssues(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	wanted := x.r.URL.Query().Get("state")
	isWanted := func(closed bool) bool { return wanted == "all" || closed == (wanted == "closed") }
	byNumber := map[int]object{}
	for _, one := range repo.Issues {
		if isWanted(one.Closed) {
			if byNumber[one.Number], err = f.describeIssue(x, repo, one); err != nil {
				return 0, nil, err
			}
		}
	}
	for _, one := range repo.Pulls {
		if isWanted(one.ClosedAt != nil) {
			if byNumber[one.Number], err = f.pullAsIssue(x, repo, one); err != nil {
				return 0, nil, err
			}
		}
	}
	answer := []object{}
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(byNumber))) {
		answer = append(answer, byNumber[number])
	}
	page, err := pageOf(x, answer)
	return http.StatusOK, page, err
}

// issueChange is the body of POST and PATCH. Missing fields keep the values of the issue. Like GitHub, the
// forge leaves out people who are not there.
type issueChange struct {
	Title       *string  `json:"title"`
	Body        *string  `json:"body"`
	Labels      []string `json:"labels"`
	Assignees   []string `json:"assignees"`
	Milestone   any      `json:"milestone"`
	State       *string  `json:"state"`
	StateReason *string  `json:"state_reason"`
}

func (f *Forge) applyIssue(change issueChange, to *issue) error {
	if change.Title != nil {
		to.Title = *change.Title
	}
	if change.Body != nil {
		to.Body = *change.Body
	}
	if change.Labels != nil {
		to.Labels = slices.Compact(slices.Sorted(slices.Values(change.Labels)))
	}
	if change.Assignees != nil {
		to.Assignees = slices.DeleteFunc(change.Assignees, func(login string) bool {
			_, err := f.store.owner(login)
			return err != nil
		})
	}
	to.UpdatedAt = now()
	switch {
	case to.Title == "":
		return invalid("Issue", "title", "missing_field", "title is missing")
	case change.Milestone != nil:
		return invalid("Issue", "milestone", "invalid", "this local forge has no milestones")
	case change.State == nil:
		return nil
	case *change.State == "closed":
		to.Closed, to.ClosedAt, to.StateReason = true, new(now()), "completed"
	default:
		to.Closed, to.ClosedAt, to.StateReason = false, nil, "reopened"
	}
	if change.StateReason != nil {
		to.StateReason = *change.StateReason
	}
	return nil
}

func (f *Forge) createIssue(x *exchange) (int, any, error) {
	var body issueChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	created := issue{CreatedAt: now()}
	if err := f.applyIssue(body, &created); err != nil {
		return 0, nil, err
	}
	repo, err := f.update(x, func(repo *repository) error {
		if !repo.Settings.HasIssues {
			return errIssuesOff
		}
		created.ID, created.Number = f.store.nextID(), repo.nextNumber()
		repo.Issues = append(repo.Issues, created)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	shown, err := f.describeIssue(x, repo, created)
	return http.StatusCreated, shown, err
}

var errIssuesOff = &apiError{status: http.StatusGone, message: "Issues has been disabled in this repository."}

func (f *Forge) getIssue(x *exchange) (int, any, error) {
	repo, one, err := f.issue(x)
	if err != nil {
		return 0, nil, err
	}
	shown, err := f.describeIssue(x, repo, one)
	return http.StatusOK, shown, err
}

// issue finds the issue of the path.
func (f *Forge) issue(x *exchange) (*repository, issue, error) {
	repo, err := f.repository(x)
	if err != nil {
		return nil, issue{}, err
	}
	at := indexOf(x.value("number"), repo.Issues, func(one issue) int64 { return int64(one.Number) })
	if at < 0 {
		return nil, issue{}, errHidden
	}
	return repo, repo.Issues[at], nil
}

func (f *Forge) patchIssue(x *exchange) (int, any, error) {
	var body issueChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, changed, err := f.changeIssue(x, func(one *issue) error { return f.applyIssue(body, one) })
	if err != nil {
		return 0, nil, err
	}
	shown, err := f.describeIssue(x, repo, changed)
	return http.StatusOK, shown, err
}

func (f *Forge) changeIssue(x *exchange, change func(*issue) error) (*repository, issue, error) {
	var changed issue
	repo, err := f.update(x, func(repo *repository) error {
		at := indexOf(x.value("number"), repo.Issues, func(one issue) int64 { return int64(one.Number) })
		if at < 0 {
			return errHidden
		}
		err := change(&repo.Issues[at])
		changed = repo.Issues[at]
		return err
	})
	return repo, changed, err
}

func (f *Forge) listLabels(x *exchange) (int, any, error) {
	repo, one, err := f.issue(x)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, one.Labels)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.labels(repo, page), nil
}

// addLabels adds labels to an issue. As on GitHub, the repository needs not to have them before.
func (f *Forge) addLabels(x *exchange) (int, any, error) {
	var body struct{ Labels []string }
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, changed, err := f.changeIssue(x, func(one *issue) error {
		return f.applyIssue(issueChange{Labels: append(slices.Clone(one.Labels), body.Labels...)}, one)
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.labels(repo, changed.Labels), nil
}

func (f *Forge) removeLabel(x *exchange) (int, any, error) {
	repo, changed, err := f.changeIssue(x, func(one *issue) error {
		at := slices.IndexFunc(one.Labels, func(name string) bool { return strings.EqualFold(name, x.value("name")) })
		if at < 0 {
			return &apiError{status: http.StatusNotFound, message: "Label does not exist"}
		}
		one.Labels, one.UpdatedAt = slices.Delete(one.Labels, at, at+1), now()
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.labels(repo, changed.Labels), nil
}

func (f *Forge) describeIssue(x *exchange, repo *repository, one issue) (object, error) {
	author, err := f.store.owner(f.user)
	if err != nil {
		return nil, err
	}
	assigned := []object{}
	for _, login := range one.Assignees {
		if owner, err := f.store.owner(login); err == nil {
			assigned = append(assigned, x.shapes.simpleUser(owner))
		}
	}
	shown := x.shapes.issue(repo, one, author).with(object{"assignees": assigned, "assignee": nil})
	if len(assigned) > 0 {
		shown["assignee"] = assigned[0]
	}
	return shown, nil
}

func (s shapes) labels(repo *repository, names []string) []object {
	listed := []object{}
	for _, name := range names {
		sum := fnv.New32a()
		sum.Write([]byte(strings.ToLower(name)))
		listed = append(listed, object{
			"id": sum.Sum32(), "node_id": nodeID("Label", name), "url": s.repositoryAPI(repo) + "/labels/" + escapePath(name),
			"name": name, "description": nil, "color": "ededed", "default": false,
		})
	}
	return listed
}

func (s shapes) issue(repo *repository, one issue, author *account) object {
	address := s.repositoryAPI(repo) + fmt.Sprintf("/issues/%d", one.Number)
	var closed any
	if one.ClosedAt != nil {
		closed = timestamp(*one.ClosedAt)
	}
	return object{
		"id": one.ID, "node_id": nodeID("Issue", one.ID), "number": one.Number, "title": one.Title, "body": orNull(one.Body),
		"state": one.State(), "state_reason": orNull(one.StateReason), "locked": false, "comments": 0,
		"labels": s.labels(repo, one.Labels), "milestone": nil,
		"user": s.simpleUser(author), "author_association": "OWNER", "closed_at": closed,
		"created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt),
		"url": address, "html_url": s.page(repo, "issues", strconv.Itoa(one.Number)), "repository_url": s.repositoryAPI(repo),
		"comments_url": address + "/comments", "events_url": address + "/events", "labels_url": address + "/labels{/name}",
	}
}
