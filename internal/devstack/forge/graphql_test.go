package forge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// ask sends a query and returns the status and the body of the answer.
func ask(t *testing.T, server *forgetest.Server, token, query string, variables map[string]any) (int, string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/graphql", bytes.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, strings.ReplaceAll(string(content), server.URL, "http://forge")
}

// graphQLServer is a forge with an organization acme of a few repositories, people and teams.
func graphQLServer(t *testing.T) *forgetest.Server {
	t.Helper()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("acme", "Acme"))
	require.NoError(t, server.PutUser("ann", forge.Person{Name: "Ann", Email: "ann@example.com", Bio: "Makes.", Emails: []string{"ann@acme.example"}}))
	require.NoError(t, server.PutUser("bob", forge.Person{Suspended: true}))
	require.NoError(t, server.SetMembers("acme", "ann", "bob"))
	require.NoError(t, server.AddTeam("acme", "All", "Everybody"))
	require.NoError(t, server.AddTeam("acme", "Web Shop", ""))
	require.NoError(t, server.SetTeam("acme", "web-shop", "all", "ann"))
	require.NoError(t, server.SetTeam("acme", "all", "", "bob"))
	require.NoError(t, server.AddRepository("acme", "shop", forge.Content{
		Files: map[string]string{"catalog-info.yaml": "kind: Component\n", "docs/a/index.md": "# A\n", "docs-b.md": "b"}, Topics: []string{"web"},
	}))
	require.NoError(t, server.AddRepository("acme", "cart", forge.Content{Visibility: "private", Archived: true}))
	require.NoError(t, server.AddRepository("acme", "fork", forge.Content{Parent: "demo/fork", Visibility: "internal"}))
	return server
}

func TestGraphQL(t *testing.T) {
	t.Parallel()
	server := graphQLServer(t)
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		expected  string
	}{
		"repositories": {
			`query($login: String!) { repositoryOwner(login: $login) { __typename login
				repositories(first: 2, orderBy: {field: CREATED_AT, direction: ASC}) { totalCount pageInfo { hasNextPage }
					nodes { name url isArchived isFork visibility defaultBranchRef { name } repositoryTopics(first: 5) { nodes { topic { name } } } } } } }`,
			map[string]any{"login": "ACME"},
			`{"data": {"repositoryOwner": {"__typename": "Organization", "login": "acme", "repositories": {
				"totalCount": 3, "pageInfo": {"hasNextPage": true}, "nodes": [
				{"name": "shop", "url": "http://forge/acme/shop", "isArchived": false, "isFork": false, "visibility": "PUBLIC",
				 "defaultBranchRef": {"name": "main"}, "repositoryTopics": {"nodes": [{"topic": {"name": "web"}}]}},
				{"name": "cart", "url": "http://forge/acme/cart", "isArchived": true, "isFork": false, "visibility": "PRIVATE",
				 "defaultBranchRef": null, "repositoryTopics": {"nodes": []}}]}}}}`,
		},
		"files": {
			`{ repositoryOwner(login: "acme") { repositories(first: 1) { edges { node {
				file: object(expression: "HEAD:catalog-info.yaml") { __typename oid ... on Blob { text byteSize isBinary isTruncated } }
				nested: object(expression: "main:docs/a/index.md") { ... on Blob { text } }
				directory: object(expression: "HEAD:docs") { __typename }
				none: object(expression: "HEAD:none.yaml") { __typename }
				branch: object(expression: "other:catalog-info.yaml") { __typename } } } } } }`,
			nil,
			`{"data": {"repositoryOwner": {"repositories": {"edges": [{"node": {
				"file": {"__typename": "Blob", "oid": "8524aaf14a12f0fb7346501e6d6ac86270ba0ab5", "text": "kind: Component\n", "byteSize": 16, "isBinary": false, "isTruncated": false},
				"nested": {"text": "# A\n"}, "directory": {"__typename": "Tree"}, "none": null, "branch": null}}]}}}}`,
		},
		"members": {
			`query($email: Boolean!) { organization(login: "acme") { membersWithRole(first: 10) {
				nodes { login name bio email @include(if: $email) organizationVerifiedDomainEmails(login: "acme") } } } }`,
			map[string]any{"email": true},
			`{"data": {"organization": {"membersWithRole": {"nodes": [
				{"login": "ann", "name": "Ann", "bio": "Makes.", "email": "ann@example.com", "organizationVerifiedDomainEmails": ["ann@acme.example"]},
				{"login": "bob", "name": "bob", "bio": null, "email": "", "organizationVerifiedDomainEmails": []},
				{"login": "portico", "name": "portico", "bio": null, "email": "", "organizationVerifiedDomainEmails": []}]}}}}`,
		},
		"teams": {
			`{ organization(login: "acme") { teams(first: 10) { nodes { slug combinedSlug description parentTeam { slug } editTeamUrl
				childTeams(first: 10) { nodes { slug } }
				own: members(first: 10, membership: IMMEDIATE) { totalCount nodes { login } } all: members(first: 10) { totalCount } } } } }`,
			nil,
			`{"data": {"organization": {"teams": {"nodes": [
				{"slug": "all", "combinedSlug": "acme/all", "description": "Everybody", "parentTeam": null, "editTeamUrl": "http://forge/orgs/acme/teams/all/edit",
				 "childTeams": {"nodes": [{"slug": "web-shop"}]}, "own": {"totalCount": 1, "nodes": [{"login": "bob"}]}, "all": {"totalCount": 2}},
				{"slug": "web-shop", "combinedSlug": "acme/web-shop", "description": null, "parentTeam": {"slug": "all"}, "editTeamUrl": "http://forge/orgs/acme/teams/web-shop/edit",
				 "childTeams": {"nodes": []}, "own": {"totalCount": 1, "nodes": [{"login": "ann"}]}, "all": {"totalCount": 1}}]}}}}`,
		},
		"an unknown owner": {`{ repositoryOwner(login: "none") { login } }`, nil, `{"data": {"repositoryOwner": null}}`},
		"an unknown organization": {
			`{ organization(login: "none") { login } }`, nil,
			`{"data": {"organization": null}, "errors": [{"type": "NOT_FOUND", "path": ["organization"], "message": "Could not resolve to an Organization with the login of 'none'."}]}`,
		},
		"too large a page": {
			`{ organization(login: "acme") { teams(first: 101) { totalCount } } }`, nil,
			`{"data": {"organization": {"teams": null}}, "errors": [{"type": "EXCESSIVE_PAGINATION", "path": ["organization", "teams"],
				"message": "Requesting 101 records on the ` + "`Team` connection exceeds the `first`" + ` limit of 100 records."}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, server, server.Token(), test.query, test.variables)
			require.Equal(t, http.StatusOK, status)
			require.JSONEq(t, test.expected, body)
		})
	}
}

// TestCursorsOfGraphQL: what is deleted before a cursor moves nothing behind it.
func TestCursorsOfGraphQL(t *testing.T) {
	t.Parallel()
	server := graphQLServer(t)
	const query = `query($after: String) { repositoryOwner(login: "acme") { repositories(first: 2, after: $after) {
		pageInfo { endCursor hasNextPage } nodes { name } } } }`
	var answer struct {
		Data struct {
			RepositoryOwner struct {
				Repositories struct {
					PageInfo struct{ EndCursor string }
					Nodes    []struct{ Name string }
				}
			}
		}
	}
	_, body := ask(t, server, server.Token(), query, nil)
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.NoError(t, server.RemoveRepository("acme", "shop"))
	require.NoError(t, server.RemoveRepository("acme", "cart"))
	_, body = ask(t, server, server.Token(), query, map[string]any{"after": answer.Data.RepositoryOwner.Repositories.PageInfo.EndCursor})
	require.Contains(t, body, `"nodes":[{"name":"fork"}]`)
}

func TestGraphQLRefuses(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"contents": "read"}, "shop")
	for _, name := range []string{"cart", "shop"} {
		require.NoError(t, server.AddRepository("demo", name, forge.Content{Visibility: "private"}))
	}
	limited := tokenFor(t, app, &github.InstallationTokenOptions{})
	for name, test := range map[string]struct {
		token, query string
		status       int
		contains     string
	}{
		"nobody":                       {"", `{ rateLimit { cost } }`, http.StatusUnauthorized, "requires you to be authenticated"},
		"a wrong token":                {"wrong", `{ rateLimit { cost } }`, http.StatusUnauthorized, "Bad credentials"},
		"members without permission":   {limited, `{ organization(login: "demo") { membersWithRole(first: 1) { totalCount } } }`, http.StatusOK, "FORBIDDEN"},
		"repositories of the App only": {limited, `{ repositoryOwner(login: "demo") { repositories(first: 9) { nodes { name } } } }`, http.StatusOK, `[{"name":"shop"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, server, test.token, test.query, nil)
			require.Equal(t, test.status, status)
			require.Contains(t, body, test.contains)
		})
	}
}

// TestAddRepository: what is written without Git is what Git reads.
func TestAddRepository(t *testing.T) {
	t.Parallel()
	server := graphQLServer(t)
	client := server.Client(t)
	tree, _, err := client.Git.GetTree(t.Context(), "acme", "shop", "main", true)
	require.NoError(t, err)
	var paths []string
	for _, entry := range tree.Entries {
		paths = append(paths, fmt.Sprint(entry.GetType(), " ", entry.GetPath()))
	}
	require.Equal(t, []string{"blob catalog-info.yaml", "blob docs-b.md", "tree docs", "tree docs/a", "blob docs/a/index.md"}, paths)

	// A commit that Git makes, in a pack or not, is found as well.
	server.Push(t, "acme/shop", "main", true, map[string]string{"catalog-info.yaml": "kind: System\n"})
	file, _, _, err := client.Repositories.GetContents(t.Context(), "acme", "shop", "catalog-info.yaml", &github.RepositoryContentGetOptions{})
	require.NoError(t, err)
	content, err := file.GetContent()
	require.NoError(t, err)
	require.Equal(t, "kind: System\n", content)
	_, body := ask(t, server, server.Token(), `{ repositoryOwner(login: "acme") { repositories(first: 1) { nodes {
		object(expression: "HEAD:catalog-info.yaml") { ... on Blob { text } } } } } }`, nil)
	require.Contains(t, body, `"text":"kind: System\n"`)
}
