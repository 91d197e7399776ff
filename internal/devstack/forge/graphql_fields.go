package forge

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// GitHub's limits: how many of a connection may be asked for at once, and how much of a text is sent, in bytes.
const (
	maxConnection = 100
	maxText       = 512_000
)

// fields are the resolvers of all fields, by type. A test compares them with the schema.
var fields map[string]map[string]resolver

func init() { //nolint:gochecknoinits // The table refers to functions that refer to it.
	fields = map[string]map[string]resolver{
		"Query": {
			"organization": findOrganization, "repositoryOwner": findOwner, "rateLimit": describeRateLimit,
		},
		"Mutation":                          {"enablePullRequestAutoMerge": enableAutoMerge},
		"EnablePullRequestAutoMergePayload": {"pullRequest": plainly(func(p pull) any { return node{"PullRequest", p} })},
		"PullRequest": {
			"id": plainly(func(p pull) any { return nodeID("PullRequest", p.ID) }), "number": plainly(func(p pull) any { return p.Number }),
			"autoMergeRequest": plainly(func(p pull) any {
				if p.AutoMerge == nil {
					return nil
				}
				return node{"AutoMergeRequest", *p.AutoMerge}
			}),
		},
		"AutoMergeRequest": {
			"enabledAt":   plainly(func(a autoMerge) any { return timestamp(a.EnabledAt) }),
			"mergeMethod": plainly(func(a autoMerge) any { return strings.ToUpper(a.Method) }),
		},
		"RateLimit": {
			"cost": plainly(func(rateLimit) any { return 1 }), "limit": plainly(func(rateLimit) any { return 5000 }),
			"remaining": plainly(func(rateLimit) any { return 5000 }), "used": plainly(func(rateLimit) any { return 0 }),
			"resetAt": plainly(func(rateLimit) any { return timestamp(now().Add(time.Hour)) }),
		},
		"PageInfo": {
			"startCursor": plainly(func(p part) any { return orNull(p.cursorAt(0)) }),
			"endCursor":   plainly(func(p part) any { return orNull(p.cursorAt(len(p.nodes) - 1)) }),
			"hasNextPage": plainly(func(p part) any { return p.more }), "hasPreviousPage": plainly(func(p part) any { return p.start > 0 }),
		},
		"Organization": organizationFields(), "User": userFields(), "Repository": repositoryFields(), "Team": teamFields(),
		"Ref": {
			"id":   plainly(func(name string) any { return nodeID("Ref", name) }),
			"name": plainly(func(name string) any { return name }), "prefix": plainly(func(string) any { return "refs/heads/" }),
		},
		"Blob": {
			"id": plainly(func(b file) any { return nodeID("Blob", b.Hash) }), "oid": plainly(func(b file) any { return b.Hash }),
			"byteSize": plainly(func(b file) any { return len(b.Content) }),
			"isBinary": plainly(func(b file) any { return !utf8.Valid(b.Content) }),
			// GitHub cuts long texts.
			"isTruncated": plainly(func(b file) any { return len(b.Content) > maxText }),
			"text":        plainly(blobText),
		},
		"Tree": {
			"id": plainly(func(b file) any { return nodeID("Tree", b.Hash) }), "oid": plainly(func(b file) any { return b.Hash }),
		},
		"RepositoryTopic": {
			"id":    plainly(func(name string) any { return nodeID("RepositoryTopic", name) }),
			"topic": plainly(func(name string) any { return node{"Topic", name} }),
		},
		"Topic": {
			"id":   plainly(func(name string) any { return nodeID("Topic", name) }),
			"name": plainly(func(name string) any { return name }),
		},
	}
	for _, kind := range []string{"Repository", "RepositoryTopic", "OrganizationMember", "Team", "TeamMember"} {
		fields[kind+"Connection"] = map[string]resolver{
			"edges": plainly(func(p part) any { return p.edges(kind + "Edge") }), "nodes": plainly(func(p part) any { return p.nodes }),
			"pageInfo": plainly(func(p part) any { return node{"PageInfo", p} }), "totalCount": plainly(func(p part) any { return p.total }),
		}
		fields[kind+"Edge"] = map[string]resolver{
			"cursor": plainly(func(e edge) any { return e.cursor }), "node": plainly(func(e edge) any { return e.node }),
		}
	}
}

// plainly is a field that needs no more than what it is a field of.
func plainly[T any](value func(T) any) resolver {
	return func(_ context.Context, _ *query, of any, _ map[string]any) (any, error) {
		typed, is := of.(T)
		if !is {
			return nil, fmt.Errorf("GraphQL: a field of a %T", of)
		}
		return value(typed), nil
	}
}

// with is a field that needs the query or arguments.
func with[T any](value func(context.Context, *query, T, map[string]any) (any, error)) resolver {
	return func(ctx context.Context, q *query, of any, arguments map[string]any) (any, error) {
		typed, is := of.(T)
		if !is {
			return nil, fmt.Errorf("GraphQL: a field of a %T", of)
		}
		return value(ctx, q, typed, arguments)
	}
}

type rateLimit struct{}

func describeRateLimit(context.Context, *query, any, map[string]any) (any, error) {
	return node{"RateLimit", rateLimit{}}, nil
}

func textOf(arguments map[string]any, name string) string {
	text, _ := arguments[name].(string)
	return text
}

// findOwner is a user or an organization; GitHub answers null without an error for one that does not exist.
func findOwner(_ context.Context, q *query, _ any, arguments map[string]any) (any, error) {
	owner, err := q.forge.store.owner(textOf(arguments, "login"))
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	return node{owner.Kind, owner}, err
}

func findOrganization(_ context.Context, q *query, _ any, arguments map[string]any) (any, error) {
	login := textOf(arguments, "login")
	owner, err := q.forge.organization(login)
	if err != nil {
		return nil, &queryError{Kind: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to an Organization with the login of '%s'.", login)}
	}
	return node{owner.Kind, owner}, nil
}

// may returns an error unless the caller may read something of an owner, "members:read".
func (q *query) may(owner, permission string) error {
	who := q.caller
	if who.isUser || who.grant != nil && who.grant.allows(permission) && strings.EqualFold(who.installation.Login, owner) {
		return nil
	}
	return &queryError{Kind: "FORBIDDEN", Message: "Resource not accessible by integration"}
}

func ownerFields() map[string]resolver {
	return map[string]resolver{
		"id": plainly(func(o *account) any { return nodeID("Owner", o.ID) }), "databaseId": plainly(func(o *account) any { return o.ID }),
		"login": plainly(func(o *account) any { return o.Login }), "name": plainly(func(o *account) any { return orNull(o.Name) }),
		"url": with(func(_ context.Context, q *query, o *account, _ map[string]any) (any, error) {
			return q.shapes.base + "/" + o.Login, nil
		}),
		"repositories": with(listRepositories),
	}
}

func organizationFields() map[string]resolver {
	own := ownerFields()
	own["membersWithRole"], own["teams"], own["team"] = with(listMembersWithRole), with(listTeams), with(findTeam)
	return own
}

func userFields() map[string]resolver {
	own := ownerFields()
	own["avatarUrl"] = with(func(_ context.Context, q *query, _ *account, _ map[string]any) (any, error) {
		return q.shapes.base + "/assets/avatar.svg", nil
	})
	own["bio"] = plainly(func(o *account) any { return orNull(o.Bio) })
	own["suspendedAt"] = plainly(func(o *account) any {
		if o.SuspendedAt == nil {
			return nil
		}
		return timestamp(*o.SuspendedAt)
	})
	// An App sees addresses only with a permission of its users, which the forge's Apps do not have.
	own["email"] = with(func(_ context.Context, q *query, o *account, _ map[string]any) (any, error) {
		if !q.caller.isUser {
			return nil, &queryError{Kind: "FORBIDDEN", Message: "Resource not accessible by integration"}
		}
		return o.Email, nil
	})
	own["organizationVerifiedDomainEmails"] = with(func(_ context.Context, q *query, o *account, arguments map[string]any) (any, error) {
		return append([]string{}, o.Emails...), q.may(textOf(arguments, "login"), "members:read")
	})
	return own
}

// listRepositories lists the repositories that an owner owns and the caller may see.
func listRepositories(_ context.Context, q *query, owner *account, arguments map[string]any) (any, error) {
	order, _ := arguments["orderBy"].(map[string]any)
	type keyed struct {
		*repository

		key string
	}
	var visible []keyed
	for _, repo := range q.forge.store.listRepositories(owner.Login) {
		key := fmt.Sprintf("%020d", repo.ID) // as they were created
		if order["field"] == "NAME" {
			key = strings.ToLower(repo.Name)
		}
		if q.caller.sees(repo) {
			visible = append(visible, keyed{repo, key})
		}
	}
	slices.SortFunc(visible, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	if order["direction"] == "DESC" {
		slices.Reverse(visible)
	}
	return connect("Repository", visible, arguments, func(one keyed) (node, string) { return node{"Repository", one.repository}, one.key })
}

func repositoryFields() map[string]resolver {
	return map[string]resolver{
		"id": plainly(func(r *repository) any { return nodeID("Repository", r.ID) }), "databaseId": plainly(func(r *repository) any { return r.ID }),
		"name": plainly(func(r *repository) any { return r.Name }), "nameWithOwner": plainly(func(r *repository) any { return r.FullName() }),
		"url": with(func(_ context.Context, q *query, r *repository, _ map[string]any) (any, error) {
			return q.shapes.page(r), nil
		}),
		"isArchived": plainly(func(r *repository) any { return r.Settings.Archived }), "isFork": plainly(func(r *repository) any { return r.Parent != "" }),
		"isDisabled": plainly(func(*repository) any { return false }),
		"visibility": plainly(func(r *repository) any { return strings.ToUpper(r.Settings.Visibility) }),
		"isEmpty": with(func(ctx context.Context, q *query, r *repository, _ map[string]any) (any, error) {
			branch, err := branchOf(ctx, q, r)
			return branch == "", err
		}),
		"defaultBranchRef": with(func(ctx context.Context, q *query, r *repository, _ map[string]any) (any, error) {
			branch, err := branchOf(ctx, q, r)
			if err != nil || branch == "" {
				return nil, err
			}
			return node{"Ref", branch}, nil
		}),
		"object": with(findObject),
		"repositoryTopics": with(func(_ context.Context, _ *query, r *repository, arguments map[string]any) (any, error) {
			return connect("RepositoryTopic", slices.Sorted(slices.Values(r.Topics)), arguments, func(name string) (node, string) { return node{"RepositoryTopic", name}, name })
		}),
	}
}

// branchOf is the default branch, "" when it has no commit.
func branchOf(ctx context.Context, q *query, repo *repository) (string, error) {
	bare := q.forge.store.open(repo)
	branch, err := bare.defaultBranch()
	if err != nil {
		return "", err
	}
	if bare.hasLooseBranch(branch) {
		return branch, nil
	}
	if _, err := bare.resolve(ctx, "refs/heads/"+branch); errors.Is(err, errNoRevision) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return branch, nil
}

// findObject is what an expression such as "HEAD:catalog-info.yaml" names, null for nothing.
func findObject(ctx context.Context, q *query, repo *repository, arguments map[string]any) (any, error) {
	if err := q.may(repo.Owner, "contents:read"); err != nil && repo.Settings.Visibility != visibilityPublic {
		return nil, err
	}
	revision, path, _ := strings.Cut(textOf(arguments, "expression"), ":")
	if path == "" {
		return nil, &queryError{Kind: "UNPROCESSABLE", Message: "The local Git forge finds objects by <revision>:<path> only."}
	}
	found, err := q.forge.store.open(repo).fileAt(ctx, revision, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case found.Kind == "blob":
		return node{"Blob", found}, nil
	default:
		return node{"Tree", found}, nil
	}
}

func blobText(b file) any {
	if !utf8.Valid(b.Content) {
		return nil
	}
	return string(b.Content[:min(len(b.Content), maxText)])
}

// teamOf is a team with its organization.
type teamOf struct {
	organization *account
	slug         string
	team
}

func teamFields() map[string]resolver {
	return map[string]resolver{
		"id": plainly(func(t teamOf) any { return nodeID("Team", t.ID) }), "databaseId": plainly(func(t teamOf) any { return t.ID }),
		"name": plainly(func(t teamOf) any { return t.Name }), "slug": plainly(func(t teamOf) any { return t.slug }),
		"combinedSlug": plainly(func(t teamOf) any { return t.organization.Login + "/" + t.slug }),
		"description":  plainly(func(t teamOf) any { return orNull(t.Description) }),
		"url":          with(func(_ context.Context, q *query, t teamOf, _ map[string]any) (any, error) { return q.teamPage(t), nil }),
		"editTeamUrl": with(func(_ context.Context, q *query, t teamOf, _ map[string]any) (any, error) {
			return q.teamPage(t) + "/edit", nil
		}),
		"avatarUrl": with(func(_ context.Context, q *query, _ teamOf, _ map[string]any) (any, error) {
			return q.shapes.base + "/assets/avatar.svg", nil
		}),
		"parentTeam": with(func(_ context.Context, q *query, t teamOf, _ map[string]any) (any, error) {
			if t.Parent == "" {
				return nil, nil
			}
			return q.team(t.organization, t.Parent), nil
		}),
		"childTeams": with(func(_ context.Context, q *query, t teamOf, arguments map[string]any) (any, error) {
			return q.connectTeams(t.organization, arguments, func(one team) bool { return one.Parent == t.slug })
		}),
		"members": with(func(_ context.Context, q *query, t teamOf, arguments map[string]any) (any, error) {
			return q.connectUsers("TeamMember", t.members(arguments["membership"] == "IMMEDIATE"), arguments)
		}),
	}
}

// members are a team's own members, or also those of the teams below it.
func (t teamOf) members(immediate bool) []string {
	all := slices.Clone(t.Members)
	for slug, child := range t.organization.Teams {
		if !immediate && child.Parent == t.slug {
			all = append(all, teamOf{t.organization, slug, child}.members(false)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (q *query) teamPage(t teamOf) string {
	return q.shapes.base + "/orgs/" + t.organization.Login + "/teams/" + t.slug
}

func (q *query) team(organization *account, slug string) any {
	found, exists := organization.Teams[slug]
	if !exists {
		return nil
	}
	return node{"Team", teamOf{organization, slug, found}}
}

func findTeam(_ context.Context, q *query, organization *account, arguments map[string]any) (any, error) {
	return q.team(organization, textOf(arguments, "slug")), q.may(organization.Login, "members:read")
}

func listTeams(_ context.Context, q *query, organization *account, arguments map[string]any) (any, error) {
	if err := q.may(organization.Login, "members:read"); err != nil {
		return nil, err
	}
	return q.connectTeams(organization, arguments, func(one team) bool { return one.Parent == "" || arguments["rootTeamsOnly"] != true })
}

func (q *query) connectTeams(organization *account, arguments map[string]any, wanted func(team) bool) (any, error) {
	var found []teamOf
	for slug, one := range organization.Teams {
		if wanted(one) {
			found = append(found, teamOf{organization, slug, one})
		}
	}
	slices.SortFunc(found, func(a, b teamOf) int { return strings.Compare(a.slug, b.slug) })
	return connect("Team", found, arguments, func(one teamOf) (node, string) { return node{"Team", one}, one.slug })
}

func listMembersWithRole(_ context.Context, q *query, organization *account, arguments map[string]any) (any, error) {
	if err := q.may(organization.Login, "members:read"); err != nil {
		return nil, err
	}
	logins := append([]string{q.forge.user}, organization.Members...)
	slices.Sort(logins)
	return q.connectUsers("OrganizationMember", slices.Compact(logins), arguments)
}

func (q *query) connectUsers(kind string, logins []string, arguments map[string]any) (any, error) {
	users := make([]*account, len(logins))
	for i, login := range logins {
		var err error
		if users[i], err = q.forge.store.owner(login); err != nil {
			return nil, err
		}
	}
	return connect(kind, users, arguments, func(user *account) (node, string) { return node{"User", user}, user.Login })
}

// part is what was asked for of a connection.
type part struct {
	nodes   []node
	cursors []string
	start   int
	total   int
	more    bool
}

type edge struct {
	cursor string
	node   node
}

func (p part) cursorAt(i int) string {
	if i < 0 || i >= len(p.cursors) {
		return ""
	}
	return p.cursors[i]
}

func (p part) edges(kind string) []node {
	edges := make([]node, len(p.nodes))
	for i, one := range p.nodes {
		edges[i] = node{kind, edge{p.cursors[i], one}}
	}
	return edges
}

// connect is the part of a list that arguments ask for. The list is in the order of its keys. A cursor is a key, as
// on GitHub: what was deleted or added before it moves nothing.
func connect[T any](kind string, all []T, arguments map[string]any, describe func(T) (node, string)) (any, error) {
	first, err := firstOf(kind, arguments)
	if err != nil {
		return nil, err
	}
	p := part{total: len(all)}
	after, isFrom := strings.CutPrefix(decodeCursor(textOf(arguments, "after")), "cursor:")
	for _, one := range all {
		described, key := describe(one)
		switch {
		case isFrom && !isBehind(key, after, arguments):
			p.start++
		case len(p.nodes) == first:
			p.more = true
			return node{kind + "Connection", p}, nil
		default:
			p.nodes, p.cursors = append(p.nodes, described), append(p.cursors, nodeID("cursor", key))
		}
	}
	return node{kind + "Connection", p}, nil
}

func decodeCursor(cursor string) string {
	decoded, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return ""
	}
	return string(decoded)
}

// isBehind reports whether a key comes after another one in the order of the arguments.
func isBehind(key, other string, arguments map[string]any) bool {
	if order, is := arguments["orderBy"].(map[string]any); is && order["direction"] == "DESC" {
		return key < other
	}
	return key > other
}

func firstOf(kind string, arguments map[string]any) (int, error) {
	value, given := arguments["first"]
	number, err := strconv.Atoi(fmt.Sprint(value))
	switch {
	case !given || value == nil:
		return 0, &queryError{Kind: "MISSING_PAGINATION_BOUNDARIES", Message: "You must provide a `first` or `last` value to properly paginate the `" + kind + "` connection."}
	case err != nil || number < 1 || number > maxConnection:
		return 0, &queryError{Kind: "EXCESSIVE_PAGINATION", Message: fmt.Sprintf(
			"Requesting %v records on the `%s` connection exceeds the `first` limit of %d records.", value, kind, maxConnection)}
	}
	return number, nil
}
