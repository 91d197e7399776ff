package forge

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pull is a pull request. While it is open, its head is the tip of its branch.
type pull struct {
	ID     int64  `json:"id"`
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	Draft  bool   `json:"draft"`
	// HeadOwner and HeadName are the repository that has the branch Head: this one, or a fork of it.
	HeadOwner string `json:"headOwner"`
	HeadName  string `json:"headName"`
	Head      string `json:"head"`
	// HeadHash is the tip of the branch when the pull request was closed, or last seen.
	HeadHash string `json:"headHash"`
	Base     string `json:"base"`
	// BaseHash is the tip of the base when the pull request was closed, or last seen.
	BaseHash  string   `json:"baseHash"`
	Author    string   `json:"author"`
	Reviewers []string `json:"reviewers,omitempty"`
	Teams     []string `json:"teams,omitempty"`
	Assignees []string `json:"assignees,omitempty"`
	Reviews   []review `json:"reviews,omitempty"`
	// AutoMerge is the wish to be merged when nothing blocks that any more.
	AutoMerge *autoMerge `json:"autoMerge,omitempty"`
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
	ClosedAt  *time.Time `json:"closedAt,omitempty"`
	MergedAt  *time.Time `json:"mergedAt,omitempty"`
	// MergeHash is the commit that merged it.
	MergeHash string `json:"mergeHash,omitempty"`
}

// State is GitHub's word: a merged pull request is closed, too.
func (p pull) State() string {
	if p.ClosedAt != nil {
		return "closed"
	}
	return "open"
}

// label is how GitHub names a branch of a repository in a pull request: "acme:feature".
func (p pull) label() string { return p.HeadOwner + ":" + p.Head }

// settled is the pull request with the present tips of its branches.
func (f *Forge) settled(ctx context.Context, repo *repository, one pull) (pull, error) {
	if one.ClosedAt != nil {
		return one, nil
	}
	head, err := f.store.repository(one.HeadOwner, one.HeadName)
	if err != nil {
		return pull{}, err
	}
	if one.HeadHash, err = f.store.open(head).resolve(ctx, "refs/heads/"+one.Head); err != nil {
		return pull{}, err
	}
	bare := f.store.open(repo)
	if one.BaseHash, err = bare.resolve(ctx, "refs/heads/"+one.Base); err != nil {
		return pull{}, err
	}
	if head.ID != repo.ID {
		// The objects of a fork's branch are its own until a pull request brings them here.
		ref := fmt.Sprintf("+refs/heads/%s:refs/pull/%d/head", one.Head, one.Number)
		_, err = bare.run(ctx, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f.store.directoryOf(head.Owner, head.Name), ref)
	}
	return one, err
}

func (f *Forge) pull(x *exchange) (*repository, pull, error) {
	repo, err := f.repository(x)
	if err != nil {
		return nil, pull{}, err
	}
	found, err := f.findPull(x.r.Context(), repo, x.value("pull_number"))
	return repo, found, err
}

func (f *Forge) findPull(ctx context.Context, repo *repository, text string) (pull, error) {
	number, err := strconv.Atoi(text)
	if err != nil {
		return pull{}, errHidden
	}
	index := slices.IndexFunc(repo.Pulls, func(one pull) bool { return one.Number == number })
	if index < 0 {
		return pull{}, fmt.Errorf("pull request %d: %w", number, errNotFound)
	}
	return f.settled(ctx, repo, repo.Pulls[index])
}

// changePull changes a pull request of a repository.
func (f *Forge) changePull(repo *repository, number int, change func(*pull) error) (*repository, error) {
	return f.store.updateRepository(repo.Owner, repo.Name, func(repo *repository) error {
		index := slices.IndexFunc(repo.Pulls, func(one pull) bool { return one.Number == number })
		if index < 0 {
			return fmt.Errorf("pull request %d: %w", number, errNotFound)
		}
		repo.Pulls[index].UpdatedAt = now()
		return change(&repo.Pulls[index])
	})
}

// closePulls closes the open pull requests from a branch that is gone, of the repository and of the one of
// which it is a fork.
func (f *Forge) closePulls(from *repository, branch, tip string) error {
	targets := []*repository{from}
	if owner, name, isFork := strings.Cut(from.Parent, "/"); isFork {
		if parent, err := f.store.repository(owner, name); err == nil {
			targets = append(targets, parent)
		}
	}
	for _, target := range targets {
		for _, one := range target.Pulls {
			if one.ClosedAt != nil || one.Head != branch || !strings.EqualFold(one.HeadOwner+"/"+one.HeadName, from.FullName()) {
				continue
			}
			_, err := f.changePull(target, one.Number, func(one *pull) error {
				one.HeadHash, one.ClosedAt = tip, new(now())
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Forge) listPulls(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	query := x.r.URL.Query()
	state, head, base := query.Get("state"), query.Get("head"), query.Get("base")
	found := []object{}
	for _, one := range slices.Backward(repo.Pulls) {
		if state != "all" && one.State() != cmp.Or(state, "open") || base != "" && one.Base != base ||
			head != "" && !strings.EqualFold(one.label(), head) {
			continue
		}
		if one, err = f.settled(x.r.Context(), repo, one); err != nil {
			return 0, nil, err
		}
		described, err := f.pullObject(x, repo, one)
		if err != nil {
			return 0, nil, err
		}
		found = append(found, described)
	}
	page, err := pageOf(x, found)
	return http.StatusOK, page, err
}

func (f *Forge) getPull(x *exchange) (int, any, error) {
	repo, found, err := f.pull(x)
	if err != nil {
		return 0, nil, err
	}
	return f.describePull(x, http.StatusOK, repo, found)
}

// describePull is the form of a single pull request, with what its commits change.
func (f *Forge) describePull(x *exchange, status int, repo *repository, one pull) (int, any, error) {
	described, err := f.pullObject(x, repo, one)
	if err != nil {
		return 0, nil, err
	}
	compared, err := f.store.open(repo).compare(x.r.Context(), one.BaseHash, one.HeadHash)
	if err != nil {
		return 0, nil, err
	}
	additions, deletions := 0, 0
	for _, file := range compared.files {
		additions, deletions = additions+file.Additions, deletions+file.Deletions
	}
	var mergedBy any
	if one.MergedAt != nil {
		mergedBy = described["user"]
	}
	return status, described.with(object{
		"merged": one.MergedAt != nil, "mergeable": one.ClosedAt == nil, "rebaseable": false, "mergeable_state": mergeableState(repo, one), "merged_by": mergedBy,
		"comments": 0, "review_comments": 0, "maintainer_can_modify": false, "commits": len(compared.commits),
		"additions": additions, "deletions": deletions, "changed_files": len(compared.files),
	}), nil
}

// pullObject is the form of a pull request in lists.
func (f *Forge) pullObject(x *exchange, repo *repository, one pull) (object, error) {
	author, err := f.store.owner(one.Author)
	if err != nil {
		return nil, err
	}
	assignees, err := f.simpleUsers(x, one.Assignees)
	if err != nil {
		return nil, err
	}
	reviewers, err := f.simpleUsers(x, one.Reviewers)
	if err != nil {
		return nil, err
	}
	teams, err := f.teamsOf(x, repo, one.Teams)
	if err != nil {
		return nil, err
	}
	base, err := f.pullSide(x, repo.Owner, repo.Name, one.Base, one.BaseHash)
	if err != nil {
		return nil, err
	}
	head, err := f.pullSide(x, one.HeadOwner, one.HeadName, one.Head, one.HeadHash)
	if err != nil {
		return nil, err
	}
	return x.shapes.pull(repo, one, x.shapes.simpleUser(author)).with(object{
		"assignee": first(assignees), "assignees": assignees, "requested_reviewers": reviewers, "requested_teams": teams, "head": head, "base": base,
	}), nil
}

func first(objects []object) any {
	if len(objects) == 0 {
		return nil
	}
	return objects[0]
}

func (f *Forge) simpleUsers(x *exchange, logins []string) ([]object, error) {
	users := []object{}
	for _, login := range logins {
		user, err := f.store.owner(login)
		if err != nil {
			return nil, err
		}
		users = append(users, x.shapes.simpleUser(user))
	}
	return users, nil
}

func (f *Forge) teamsOf(x *exchange, repo *repository, slugs []string) ([]object, error) {
	teams := []object{}
	for _, slug := range slugs {
		organization, err := f.store.owner(repo.Owner)
		if err != nil {
			return nil, err
		}
		teams = append(teams, x.shapes.simpleTeam(organization, slug, organization.Teams[slug]))
	}
	return teams, nil
}

// pullSide is the head or the base of a pull request.
func (f *Forge) pullSide(x *exchange, owner, name, branch, hash string) (object, error) {
	account, err := f.store.owner(owner)
	if err != nil {
		return nil, err
	}
	side := object{"label": owner + ":" + branch, "ref": branch, "sha": hash, "user": x.shapes.simpleUser(account), "repo": nil}
	if repo, gone := f.store.repository(owner, name); gone == nil {
		side["repo"], err = f.fullRepository(x, repo)
	}
	return side, err
}

func (s shapes) pullAPI(repo *repository, number int) string {
	return s.repositoryAPI(repo) + fmt.Sprintf("/pulls/%d", number)
}

func (s shapes) pull(repo *repository, one pull, author object) object {
	address, page := s.pullAPI(repo, one.Number), s.page(repo, "pull", strconv.Itoa(one.Number))
	asIssue := s.repositoryAPI(repo) + fmt.Sprintf("/issues/%d", one.Number)
	comments, reviews, statuses := asIssue+"/comments", s.repositoryAPI(repo)+"/pulls/comments{/number}", s.repositoryAPI(repo)+"/statuses/"+one.HeadHash
	return object{
		"id": one.ID, "node_id": nodeID("PullRequest", one.ID), "number": one.Number, "state": one.State(), "locked": false,
		"title": one.Title, "body": orNull(one.Body), "user": author, "draft": one.Draft, "labels": []any{}, "milestone": nil,
		"active_lock_reason": nil, "author_association": "OWNER", "auto_merge": s.autoMergeObject(one, author), "merge_commit_sha": orNull(one.MergeHash),
		"created_at": timestamp(one.CreatedAt), "updated_at": timestamp(one.UpdatedAt), "closed_at": orNever(one.ClosedAt), "merged_at": orNever(one.MergedAt),
		"url": address, "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch", "issue_url": asIssue,
		"commits_url": address + "/commits", "comments_url": comments, "statuses_url": statuses,
		"review_comments_url": address + "/comments", "review_comment_url": reviews,
		"_links": object{
			"self": link(address), "html": link(page), "issue": link(asIssue), "comments": link(comments), "review_comments": link(address + "/comments"),
			"review_comment": link(reviews), "commits": link(address + "/commits"), "statuses": link(statuses),
		},
	}
}

func link(address string) object { return object{"href": address} }

// orNever is a time, or null where there is none.
func orNever(when *time.Time) any {
	if when == nil {
		return nil
	}
	return timestamp(*when)
}

// simpleTeam is the form of a team inside other responses.
func (s shapes) simpleTeam(organization *account, slug string, found team) object {
	address := s.api("/orgs/%s/teams/%s", organization.Login, slug)
	return object{
		"id": found.ID, "node_id": nodeID("Team", found.ID), "name": found.Name, "slug": slug, "privacy": "closed", "parent": nil,
		"description": orNull(found.Description), "permission": "pull", "type": "organization", "organization_id": organization.ID,
		"url": address, "html_url": s.base + "/" + organization.Login, "members_url": address + "/members{/member}", "repositories_url": address + "/repos",
	}
}

// pullAsIssue is the form of a pull request among issues.
func (f *Forge) pullAsIssue(x *exchange, repo *repository, one pull) (object, error) {
	author, err := f.store.owner(one.Author)
	if err != nil {
		return nil, err
	}
	assignees, err := f.simpleUsers(x, one.Assignees)
	if err != nil {
		return nil, err
	}
	described := x.shapes.issue(repo, issue{ID: one.ID, Number: one.Number, Title: one.Title, Body: one.Body, CreatedAt: one.CreatedAt}, author)
	page := x.shapes.page(repo, "pull", strconv.Itoa(one.Number))
	return described.with(object{
		"state": one.State(), "closed_at": orNever(one.ClosedAt), "html_url": page, "draft": one.Draft,
		"assignee": first(assignees), "assignees": assignees,
		"pull_request": object{
			"url": x.shapes.pullAPI(repo, one.Number), "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
			"merged_at": orNever(one.MergedAt),
		},
	}), nil
}

func (f *Forge) createPull(x *exchange) (int, any, error) {
	var body struct {
		Title, Head, Base, Body string
		Draft                   bool
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	if body.Title == "" {
		return 0, nil, invalid("PullRequest", "title", "missing_field", "title is missing")
	}
	head, branch, err := f.headOf(repo, body.Head)
	if err != nil {
		return 0, nil, invalid("PullRequest", "head", "invalid", "head is invalid")
	}
	wanted := pull{
		ID: 0, Title: body.Title, Body: body.Body, Draft: body.Draft, HeadOwner: head.Owner, HeadName: head.Name, Head: branch, Base: body.Base,
		Author: f.user, CreatedAt: now(), UpdatedAt: now(),
	}
	wanted.Number = repo.nextNumber()
	if wanted, err = f.settled(x.r.Context(), repo, wanted); err != nil {
		return 0, nil, invalid("PullRequest", "head", "invalid", "head or base is invalid")
	}
	compared, err := f.store.open(repo).compare(x.r.Context(), wanted.BaseHash, wanted.HeadHash)
	if err != nil || len(compared.commits) == 0 {
		return 0, nil, invalid("PullRequest", "", "custom", fmt.Sprintf("No commits between %s and %s", body.Base, body.Head))
	}
	repo, err = f.update(x, func(repo *repository) error {
		for _, one := range repo.Pulls {
			if one.ClosedAt == nil && one.label() == wanted.label() && one.Base == wanted.Base {
				return invalid("PullRequest", "", "custom", "A pull request already exists for "+one.label()+".")
			}
		}
		wanted.ID, wanted.Number = f.store.nextID(), repo.nextNumber()
		repo.Pulls = append(repo.Pulls, wanted)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return f.describePull(x, http.StatusCreated, repo, wanted)
}

// headOf is the repository and the branch of a head such as "feature" or "ann:feature", which is a branch of
// Ann's fork.
func (f *Forge) headOf(repo *repository, head string) (*repository, string, error) {
	owner, branch, named := strings.Cut(head, ":")
	if !named || strings.EqualFold(owner, repo.Owner) {
		return repo, head[strings.IndexByte(head, ':')+1:], nil
	}
	for _, other := range f.store.listRepositories(owner) {
		if strings.EqualFold(other.Parent, repo.FullName()) {
			return other, branch, nil
		}
	}
	return nil, "", errNotFound
}

func (f *Forge) patchPull(x *exchange) (int, any, error) {
	var body struct{ Title, Body, State, Base *string }
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, found, err := f.pull(x)
	if err != nil {
		return 0, nil, err
	}
	if body.Base != nil {
		if _, err := f.store.open(repo).resolve(x.r.Context(), "refs/heads/"+*body.Base); err != nil {
			return 0, nil, invalid("PullRequest", "base", "invalid", "base is invalid")
		}
	}
	repo, err = f.changePull(repo, found.Number, func(one *pull) error {
		for _, field := range []struct {
			given *string
			into  *string
		}{{body.Title, &one.Title}, {body.Body, &one.Body}, {body.Base, &one.Base}} {
			if field.given != nil {
				*field.into = *field.given
			}
		}
		return setState(one, body.State, found)
	})
	if err != nil {
		return 0, nil, err
	}
	if found, err = f.findPull(x.r.Context(), repo, strconv.Itoa(found.Number)); err != nil {
		return 0, nil, err
	}
	return f.describePull(x, http.StatusOK, repo, found)
}

// setState closes or reopens a pull request.
func setState(one *pull, state *string, seen pull) error {
	switch {
	case state == nil:
	case *state == "closed" && one.ClosedAt == nil:
		one.ClosedAt, one.HeadHash, one.BaseHash = new(now()), seen.HeadHash, seen.BaseHash
	case *state == "open" && one.MergedAt != nil:
		return invalid("PullRequest", "state", "invalid", "state cannot be changed. The pull request is merged.")
	case *state == "open":
		one.ClosedAt = nil
	}
	return nil
}

func (f *Forge) listPullFiles(x *exchange) (int, any, error) {
	repo, found, err := f.pull(x)
	if err != nil {
		return 0, nil, err
	}
	compared, err := f.store.open(repo).compare(x.r.Context(), found.BaseHash, found.HeadHash)
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, x.shapes.files(repo, found.HeadHash, compared.files))
	return http.StatusOK, page, err
}

// getPullMerge answers 204 for a pull request that was merged, 404 for others.
func (f *Forge) getPullMerge(x *exchange) (int, any, error) {
	_, found, err := f.pull(x)
	if err == nil && found.MergedAt == nil {
		err = errHidden
	}
	return http.StatusNoContent, nil, err
}

func (f *Forge) mergePull(x *exchange) (int, any, error) {
	var body mergeWish
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, found, err := f.pull(x)
	if err != nil {
		return 0, nil, err
	}
	hash, err := f.merge(x.r.Context(), repo, found, body)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"sha": hash, "merged": true, "message": "Pull Request successfully merged"}, nil
}

// mergeWish is how a pull request is to be merged.
type mergeWish struct {
	CommitTitle   string `json:"commit_title"`
	CommitMessage string `json:"commit_message"`
	SHA           string `json:"sha"`
	MergeMethod   string `json:"merge_method"`
}

func notMergeable(message string) error {
	return &apiError{status: http.StatusMethodNotAllowed, message: message}
}

// merge merges a pull request by a commit of the token's user, which has the head as a second parent unless
// the wish is to squash. Rebasing is not offered.
func (f *Forge) merge(ctx context.Context, repo *repository, found pull, wish mergeWish) (string, error) {
	switch {
	case found.ClosedAt != nil, found.Draft:
		return "", notMergeable("Pull Request is not mergeable")
	case wish.SHA != "" && wish.SHA != found.HeadHash:
		return "", &apiError{status: http.StatusConflict, message: "Head branch was modified. Review and try the merge again."}
	case wish.MergeMethod != "" && wish.MergeMethod != "merge" && wish.MergeMethod != "squash":
		return "", notMergeable("Rebase merges are not allowed on this repository.")
	}
	bare := f.store.open(repo)
	tree, err := bare.feed(ctx, nil, "", "merge-tree", "--write-tree", found.BaseHash, found.HeadHash)
	if err != nil {
		return "", notMergeable("Pull Request is not mergeable")
	}
	args := []string{"commit-tree", tree, "-F", "-", "-p", found.BaseHash}
	title := fmt.Sprintf("%s (#%d)", found.Title, found.Number)
	if wish.MergeMethod != "squash" {
		args = append(args, "-p", found.HeadHash)
		title = fmt.Sprintf("Merge pull request #%d from %s/%s", found.Number, found.HeadOwner, found.Head)
	}
	message := cmp.Or(wish.CommitTitle, title) + "\n\n" + cmp.Or(wish.CommitMessage, found.Title) + "\n"
	environment := append((*signature)(nil).environment("AUTHOR", f.signature()), (*signature)(nil).environment("COMMITTER", f.signature())...)
	hash, err := bare.feed(ctx, environment, message, args...)
	if err != nil {
		return "", err
	}
	if _, err := bare.feed(ctx, nil, "", "update-ref", "refs/heads/"+found.Base, hash, found.BaseHash); err != nil {
		return "", &apiError{status: http.StatusConflict, message: "Base branch was modified. Review and try the merge again."}
	}
	return hash, f.merged(ctx, repo, found, hash)
}

// merged records a merge, and deletes the branch where the repository is set to.
func (f *Forge) merged(ctx context.Context, repo *repository, found pull, hash string) error {
	_, err := f.changePull(repo, found.Number, func(one *pull) error {
		one.ClosedAt, one.MergedAt, one.MergeHash, one.HeadHash, one.BaseHash = new(now()), new(now()), hash, found.HeadHash, found.BaseHash
		return nil
	})
	if err == nil {
		_, err = f.store.updateRepository(repo.Owner, repo.Name, func(repo *repository) error { repo.PushedAt = now(); return nil })
	}
	if err == nil && repo.Settings.DeleteBranchOnMerge && strings.EqualFold(found.HeadOwner+"/"+found.HeadName, repo.FullName()) {
		err = f.deleteBranch(ctx, repo, "refs/heads/"+found.Head)
	}
	return err
}

func (f *Forge) requestReviewers(x *exchange) (int, any, error) {
	var body struct {
		Reviewers     []string
		TeamReviewers []string `json:"team_reviewers"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, found, err := f.pull(x)
	if err != nil {
		return 0, nil, err
	}
	organization, err := f.store.owner(repo.Owner)
	if err != nil {
		return 0, nil, err
	}
	for _, login := range body.Reviewers {
		if _, err := f.store.owner(login); err != nil {
			return 0, nil, notCollaborator(repo)
		}
		if strings.EqualFold(login, found.Author) {
			return 0, nil, &apiError{status: http.StatusUnprocessableEntity, message: "Review cannot be requested from pull request author."}
		}
	}
	for _, slug := range body.TeamReviewers {
		if _, known := organization.Teams[slug]; !known {
			return 0, nil, notCollaborator(repo)
		}
	}
	repo, err = f.changePull(repo, found.Number, func(one *pull) error {
		one.Reviewers, one.Teams = union(one.Reviewers, body.Reviewers), union(one.Teams, body.TeamReviewers)
		found.Reviewers, found.Teams = one.Reviewers, one.Teams
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	described, err := f.pullObject(x, repo, found)
	return http.StatusCreated, described, err
}

func notCollaborator(repo *repository) error {
	return &apiError{status: http.StatusUnprocessableEntity, message: "Reviews may only be requested from collaborators. " +
		"One or more of the users or teams you specified is not a collaborator of the " + repo.FullName() + " repository."}
}

// union appends the names that are not in the list yet.
func union(names, more []string) []string {
	for _, name := range more {
		if !containsName(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// addAssignees leaves out users who are unknown, as GitHub does.
func (f *Forge) addAssignees(x *exchange) (int, any, error) {
	var body struct{ Assignees []string }
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	found, err := f.findPull(x.r.Context(), repo, x.value("issue_number"))
	if err != nil {
		return 0, nil, err
	}
	known := slices.DeleteFunc(body.Assignees, func(login string) bool {
		_, err := f.store.owner(login)
		return err != nil
	})
	repo, err = f.changePull(repo, found.Number, func(one *pull) error {
		one.Assignees = union(one.Assignees, known)
		found.Assignees = one.Assignees
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	described, err := f.pullAsIssue(x, repo, found)
	return http.StatusCreated, described, err
}
