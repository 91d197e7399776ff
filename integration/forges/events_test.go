package forges_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/hostevents"
)

// sender signs deliveries as a forge does. The first secret is for any host, the second for one.
type sender struct {
	source func(hostevents.Secrets) hostevents.Source
	// header is the header that authenticates a body.
	header func(secret, body string) http.Header
}

func signedIn(name, prefix string) func(secret, body string) http.Header {
	return func(secret, body string) http.Header {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		header := http.Header{}
		header.Set(name, prefix+hex.EncodeToString(mac.Sum(nil)))
		return header
	}
}

var senders = map[string]sender{
	"github":         {func(s hostevents.Secrets) hostevents.Source { return github.NewWebhook(s) }, signedIn("X-Hub-Signature-256", "sha256=")},
	"gitea":          {func(s hostevents.Secrets) hostevents.Source { return gitea.NewWebhook(s) }, signedIn("X-Gitea-Signature", "")},
	"bitbucketCloud": {func(s hostevents.Secrets) hostevents.Source { return bitbucketcloud.NewWebhook(s) }, signedIn("X-Hub-Signature", "sha256=")},
	"gitlab": {func(s hostevents.Secrets) hostevents.Source { return gitlab.NewWebhook(s) }, func(secret, _ string) http.Header {
		return http.Header{"X-Gitlab-Token": {secret}, "X-Gitlab-Instance": {"https://gitlab.com"}}
	}},
	"azureDevOps": {func(s hostevents.Secrets) hostevents.Source { return azure.NewWebhook(s) }, func(secret, _ string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("hook:"+secret))}}
	}},
}

func hosts(t *testing.T) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{GitHub: []github.Config{{Host: "ghe.example.com", APIBaseURL: "https://ghe.example.com/api/v3"}},
		Gitea: []gitea.Config{{Host: "gitea.example.com", BaseURL: "https://gitea.example.com"}}}, integration.Options{})
	require.NoError(t, err)
	return set
}

// TestTheEventsOfForges translates deliveries in the form of the forges' documentation.
func TestTheEventsOfForges(t *testing.T) {
	t.Parallel()
	set := hosts(t)
	onGitHub := func(kind hostevents.Kind) hostevents.Event {
		return hostevents.Event{Kind: kind, Host: "github.com", Repository: "acme/shop", Owner: "acme"}
	}
	pushed := func(host, repository, owner string, push hostevents.Push) []hostevents.Event {
		return []hostevents.Event{{Kind: hostevents.Pushed, Host: host, Repository: repository, Owner: owner, Push: push}}
	}
	for name, test := range map[string]struct {
		topic  string
		header [2]string
		body   string
		events []hostevents.Event
	}{
		"GitHub: push": {"github", [2]string{"X-Github-Event", "push"}, `{"ref":"refs/heads/main","before":"1","after":"2","created":false,"forced":false,
			"repository":{"name":"shop","full_name":"acme/shop","html_url":"https://github.com/acme/shop","default_branch":"main"},
			"commits":[{"added":["b.yaml"],"modified":["a.yaml"],"removed":["c.yaml"]},{"added":[],"modified":["a.yaml"],"removed":[]}]}`,
			pushed("github.com", "acme/shop", "acme", hostevents.Push{Ref: "main", DefaultBranch: "main", Paths: []string{"a.yaml", "b.yaml", "c.yaml"}})},
		"GitHub: forced push": {"github", [2]string{"X-Github-Event", "push"}, `{"ref":"refs/heads/release/v3","forced":true,
			"repository":{"html_url":"https://github.com/acme/shop","default_branch":"main"},"commits":[{"modified":["a.yaml"]}]}`,
			pushed("github.com", "acme/shop", "acme", hostevents.Push{Ref: "release/v3", DefaultBranch: "main", AllPaths: true})},
		"GitHub: tag": {"github", [2]string{"X-Github-Event", "push"}, `{"ref":"refs/tags/v1","created":true,"repository":{"html_url":"https://github.com/acme/shop"},"commits":[]}`,
			pushed("github.com", "acme/shop", "acme", hostevents.Push{Ref: "v1", AllPaths: true})},
		"GitHub: renamed": {"github", [2]string{"X-Github-Event", "repository"}, `{"action":"renamed","changes":{"repository":{"name":{"from":"store"}}},"repository":{"name":"shop","html_url":"https://github.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Renamed, Host: "github.com", Repository: "acme/shop", Former: "acme/store", Owner: "acme"}}},
		"GitHub: transferred": {"github", [2]string{"X-Github-Event", "repository"}, `{"action":"transferred","changes":{"owner":{"from":{"organization":{"login":"old"}}}},"repository":{"name":"shop","html_url":"https://github.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Transferred, Host: "github.com", Repository: "acme/shop", Former: "old/shop", Owner: "acme"}}},
		"GitHub: transferred by a user": {"github", [2]string{"X-Github-Event", "repository"}, `{"action":"transferred","changes":{"owner":{"from":{"user":{"login":"ann"}}}},"repository":{"name":"shop","html_url":"https://github.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Transferred, Host: "github.com", Repository: "acme/shop", Former: "ann/shop", Owner: "acme"}}},
		"GitHub: deleted":    {"github", [2]string{"X-Github-Event", "repository"}, `{"action":"deleted","repository":{"html_url":"https://github.com/acme/shop"}}`, []hostevents.Event{onGitHub(hostevents.Deleted)}},
		"GitHub: archived":   {"github", [2]string{"X-Github-Event", "repository"}, `{"action":"archived","repository":{"html_url":"https://github.com/acme/shop"}}`, []hostevents.Event{onGitHub(hostevents.Archived)}},
		"GitHub: publicized": {"github", [2]string{"X-Github-Event", "repository"}, `{"action":"publicized","repository":{"html_url":"https://github.com/acme/shop"}}`, []hostevents.Event{onGitHub(hostevents.VisibilityChanged)}},
		"GitHub: team": {"github", [2]string{"X-Github-Event", "team"}, `{"action":"edited","organization":{"login":"acme"},"sender":{"html_url":"https://github.com/ann"}}`,
			[]hostevents.Event{{Kind: hostevents.TeamChanged, Host: "github.com", Owner: "acme"}}},
		"GitHub: membership": {"github", [2]string{"X-Github-Event", "membership"}, `{"action":"added","organization":{"login":"acme"},"sender":{"html_url":"https://github.com/ann"}}`,
			[]hostevents.Event{{Kind: hostevents.MembershipChanged, Host: "github.com", Owner: "acme"}}},
		"GitHub: organization": {"github", [2]string{"X-Github-Event", "organization"}, `{"action":"member_removed","organization":{"login":"acme"},"sender":{"html_url":"https://github.com/ann"}}`,
			[]hostevents.Event{{Kind: hostevents.OrganizationChanged, Host: "github.com", Owner: "acme"}}},
		"GitHub: a pull request has other commits": {"github", [2]string{"X-Github-Event", "pull_request"}, `{"action":"synchronize","number":7,"pull_request":{"number":7,
			"html_url":"https://github.com/acme/shop/pull/7","head":{"sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","repo":{"full_name":"ann/shop"}}},"repository":{"html_url":"https://github.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Proposed, Host: "github.com", Repository: "acme/shop", Owner: "acme",
				Pull: &hostevents.Pull{Number: 7, URL: "https://github.com/acme/shop/pull/7", Head: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}}}},
		"GitHub: a pull request is closed": {"github", [2]string{"X-Github-Event", "pull_request"}, `{"action":"closed","pull_request":{"number":7},"repository":{"html_url":"https://github.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Proposed, Host: "github.com", Repository: "acme/shop", Owner: "acme", Pull: &hostevents.Pull{Number: 7, IsClosed: true}}}},
		"GitHub: a pull request is labeled":      {"github", [2]string{"X-Github-Event", "pull_request"}, `{"action":"labeled","pull_request":{"number":7},"repository":{"html_url":"https://github.com/acme/shop"}}`, nil},
		"GitHub: star":                           {"github", [2]string{"X-Github-Event", "star"}, `{"action":"created","repository":{"html_url":"https://github.com/acme/shop"}}`, nil},
		"GitHub: a repository without an action": {"github", [2]string{"X-Github-Event", "repository"}, `{}`, nil},
		"GitHub: nothing":                        {"github", [2]string{"X-Github-Event", "push"}, `{}`, nil},
		"GitHub: another forge's host":           {"github", [2]string{"X-Github-Event", "push"}, `{"ref":"refs/heads/main","repository":{"html_url":"https://gitlab.com/acme/shop"}}`, nil},

		"GitLab: push": {"gitlab", [2]string{"X-Gitlab-Event", "Push Hook"}, `{"object_kind":"push","ref":"refs/heads/main","before":"95790bf8","after":"da1560886",
			"project":{"web_url":"https://gitlab.com/acme/web/shop","default_branch":"main","path_with_namespace":"acme/web/shop"},
			"commits":[{"added":["b.yaml"],"modified":["a.yaml"],"removed":[]}],"total_commits_count":1}`,
			pushed("gitlab.com", "acme/web/shop", "acme", hostevents.Push{Ref: "main", DefaultBranch: "main", Paths: []string{"a.yaml", "b.yaml"}})},
		"GitLab: a push of many commits": {"gitlab", [2]string{"X-Gitlab-Event", "Push Hook"}, `{"object_kind":"push","ref":"refs/heads/main","project":{"web_url":"https://gitlab.com/acme/shop"},
			"commits":[{"modified":["a.yaml"]}],"total_commits_count":21}`,
			pushed("gitlab.com", "acme/shop", "acme", hostevents.Push{Ref: "main", AllPaths: true})},
		"GitLab: a branch is deleted": {"gitlab", [2]string{"X-Gitlab-Event", "Push Hook"}, `{"object_kind":"push","ref":"refs/heads/next","after":"0000000000000000000000000000000000000000","project":{"web_url":"https://gitlab.com/acme/shop"},"commits":[{}]}`,
			pushed("gitlab.com", "acme/shop", "acme", hostevents.Push{Ref: "next", AllPaths: true})},
		"GitLab: renamed": {"gitlab", [2]string{"X-Gitlab-Event", "System Hook"}, `{"event_name":"project_rename","path_with_namespace":"acme/shop","old_path_with_namespace":"acme/store"}`,
			[]hostevents.Event{{Kind: hostevents.Renamed, Host: "gitlab.com", Repository: "acme/shop", Former: "acme/store", Owner: "acme"}}},
		"GitLab: destroyed": {"gitlab", [2]string{"X-Gitlab-Event", "Project Hook"}, `{"event_name":"project_destroy","path_with_namespace":"acme/shop"}`,
			[]hostevents.Event{{Kind: hostevents.Deleted, Host: "gitlab.com", Repository: "acme/shop", Owner: "acme"}}},
		"GitLab: member": {"gitlab", [2]string{"X-Gitlab-Event", "Member Hook"}, `{"event_name":"user_add_to_group","group_path":"acme"}`,
			[]hostevents.Event{{Kind: hostevents.MembershipChanged, Host: "gitlab.com", Owner: "acme"}}},
		"GitLab: subgroup": {"gitlab", [2]string{"X-Gitlab-Event", "Subgroup Hook"}, `{"event_name":"subgroup_create","full_path":"acme/web","group_path":"web"}`,
			[]hostevents.Event{{Kind: hostevents.TeamChanged, Host: "gitlab.com", Owner: "acme/web"}}},
		"GitLab: a merge request has other commits": {"gitlab", [2]string{"X-Gitlab-Event", "Merge Request Hook"}, `{"object_kind":"merge_request","project":{"web_url":"https://gitlab.com/acme/web/shop"},
			"object_attributes":{"iid":7,"action":"update","oldrev":"95790bf8","url":"https://gitlab.com/acme/web/shop/-/merge_requests/7","last_commit":{"id":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}}}`,
			[]hostevents.Event{{Kind: hostevents.Proposed, Host: "gitlab.com", Repository: "acme/web/shop", Owner: "acme",
				Pull: &hostevents.Pull{Number: 7, URL: "https://gitlab.com/acme/web/shop/-/merge_requests/7", Head: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}}}},
		"GitLab: a merge request is merged": {"gitlab", [2]string{"X-Gitlab-Event", "Merge Request Hook"}, `{"object_kind":"merge_request","project":{"web_url":"https://gitlab.com/acme/shop"},
			"object_attributes":{"iid":7,"action":"merge"}}`,
			[]hostevents.Event{{Kind: hostevents.Proposed, Host: "gitlab.com", Repository: "acme/shop", Owner: "acme", Pull: &hostevents.Pull{Number: 7, IsClosed: true}}}},
		"GitLab: a merge request is labeled": {"gitlab", [2]string{"X-Gitlab-Event", "Merge Request Hook"}, `{"object_kind":"merge_request","project":{"web_url":"https://gitlab.com/acme/shop"},
			"object_attributes":{"iid":7,"action":"update"}}`, nil},
		"GitLab: a merge request is approved": {"gitlab", [2]string{"X-Gitlab-Event", "Merge Request Hook"}, `{"object_kind":"merge_request","project":{"web_url":"https://gitlab.com/acme/shop"},
			"object_attributes":{"iid":7,"action":"approved"}}`, nil},
		"GitLab: issue": {"gitlab", [2]string{"X-Gitlab-Event", "Issue Hook"}, `{"object_kind":"issue","project":{"web_url":"https://gitlab.com/acme/shop"}}`, nil},

		"Gitea: push": {"gitea", [2]string{"X-Gitea-Event", "push"}, `{"ref":"refs/heads/main","before":"1","after":"2","commits":[{"added":[],"removed":[],"modified":["a.yaml"]}],"total_commits":1,
			"repository":{"html_url":"https://gitea.example.com/acme/shop","default_branch":"main"}}`,
			pushed("gitea.example.com", "acme/shop", "acme", hostevents.Push{Ref: "main", DefaultBranch: "main", Paths: []string{"a.yaml"}})},
		"Gitea: a push of many commits": {"gitea", [2]string{"X-Gitea-Event", "push"}, `{"ref":"refs/heads/main","commits":[{"modified":["a.yaml"]}],"total_commits":6,"repository":{"html_url":"https://gitea.example.com/acme/shop"}}`,
			pushed("gitea.example.com", "acme/shop", "acme", hostevents.Push{Ref: "main", AllPaths: true})},
		"Gitea: deleted": {"gitea", [2]string{"X-Gitea-Event", "repository"}, `{"action":"deleted","repository":{"html_url":"https://gitea.example.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Deleted, Host: "gitea.example.com", Repository: "acme/shop", Owner: "acme"}}},
		"Gitea: created": {"gitea", [2]string{"X-Gitea-Event", "repository"}, `{"action":"created","repository":{"html_url":"https://gitea.example.com/acme/shop"}}`,
			[]hostevents.Event{{Kind: hostevents.Created, Host: "gitea.example.com", Repository: "acme/shop", Owner: "acme"}}},
		"Gitea: issue": {"gitea", [2]string{"X-Gitea-Event", "issues"}, `{}`, nil},

		"Bitbucket: push": {"bitbucketCloud", [2]string{"X-Event-Key", "repo:push"}, `{"repository":{"full_name":"acme/shop","links":{"html":{"href":"https://bitbucket.org/acme/shop"}}},
			"push":{"changes":[{"new":{"type":"branch","name":"main"}},{"old":{"type":"branch","name":"gone"},"new":null},{}]}}`,
			append(pushed("bitbucket.org", "acme/shop", "acme", hostevents.Push{Ref: "main", AllPaths: true}), pushed("bitbucket.org", "acme/shop", "acme", hostevents.Push{Ref: "gone", AllPaths: true})...)},
		"Bitbucket: renamed": {"bitbucketCloud", [2]string{"X-Event-Key", "repo:updated"}, `{"repository":{"full_name":"acme/shop","links":{"html":{"href":"https://bitbucket.org/acme/shop"}}},"changes":{"full_name":{"new":"acme/shop","old":"acme/store"}}}`,
			[]hostevents.Event{{Kind: hostevents.Renamed, Host: "bitbucket.org", Repository: "acme/shop", Former: "acme/store", Owner: "acme"}}},
		"Bitbucket: transferred": {"bitbucketCloud", [2]string{"X-Event-Key", "repo:transfer"}, `{"repository":{"links":{"html":{"href":"https://bitbucket.org/acme/shop"}}}}`,
			[]hostevents.Event{{Kind: hostevents.Transferred, Host: "bitbucket.org", Repository: "acme/shop", Owner: "acme"}}},
		"Bitbucket: fork": {"bitbucketCloud", [2]string{"X-Event-Key", "repo:fork"}, `{}`, nil},

		"Azure: push": {"azureDevOps", [2]string{}, `{"id":"03c164c2","eventType":"git.push","resource":{"refUpdates":[{"name":"refs/heads/main"},{"name":"refs/notes/x"}],
			"repository":{"name":"shop","remoteUrl":"https://acme@dev.azure.com/acme/web/_git/shop","defaultBranch":"refs/heads/main"}}}`,
			pushed("dev.azure.com", "acme/web/shop", "acme", hostevents.Push{Ref: "main", DefaultBranch: "main", AllPaths: true})},
		"Azure: renamed": {"azureDevOps", [2]string{}, `{"id":"1","eventType":"git.repo.renamed","resource":{"oldName":"store","newName":"shop","repository":{"name":"shop","remoteUrl":"https://dev.azure.com/acme/web/_git/shop"}}}`,
			[]hostevents.Event{{Kind: hostevents.Renamed, Host: "dev.azure.com", Repository: "acme/web/shop", Former: "acme/web/store", Owner: "acme"}}},
		"Azure: work item": {"azureDevOps", [2]string{}, `{"id":"1","eventType":"workitem.created"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := senders[test.topic].source(hostevents.Secrets{{Value: "secret"}})
			require.Equal(t, test.topic, source.Topic())
			header := senders[test.topic].header("secret", test.body)
			header.Set(test.header[0], test.header[1])
			delivery, err := source.Read(header, []byte(test.body))
			require.NoError(t, err)
			require.NotEmpty(t, delivery.ID)
			events, _ := hostevents.Place(set, source, delivery)
			require.Equal(t, test.events, events)
		})
	}
}

// TestADeliveryIsBoundToItsSecret covers what is not signed, and secrets of one host.
func TestADeliveryIsBoundToItsSecret(t *testing.T) {
	t.Parallel()
	for topic, sender := range senders {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			source := sender.source(hostevents.Secrets{{Value: ""}, {Value: "general"}, {Value: "own", Host: "one.example.com"}})
			for _, header := range []http.Header{{}, sender.header("", "{}"), sender.header("guessed", "{}"), sender.header("general ", "{}")} {
				_, err := source.Read(header, []byte("{}"))
				require.ErrorIs(t, err, hostevents.ErrSignature)
			}
			delivery, err := source.Read(sender.header("general", "{}"), []byte("{}"))
			require.NoError(t, err)
			require.Empty(t, delivery.Host)
			require.Empty(t, delivery.Claims)
			delivery, err = source.Read(sender.header("own", "{}"), []byte("{}"))
			require.NoError(t, err)
			require.Equal(t, "one.example.com", delivery.Host)
			for _, body := range []string{"", "{", "[]", `"x"`, `{"repository":1,"resource":1,"project":1}`} {
				_, err = source.Read(sender.header("general", body), []byte(body))
				require.Equal(t, fault.Input, fault.KindOf(err), body)
			}
		})
	}
}

// TestASecretOfOneHostAuthenticatesNoOther: an App of one GitHub Enterprise cannot report about github.com.
func TestASecretOfOneHostAuthenticatesNoOther(t *testing.T) {
	t.Parallel()
	set := hosts(t)
	source := github.NewWebhook(hostevents.Secrets{{Value: "secret", Host: "ghe.example.com"}})
	for host, stored := range map[string]int{"ghe.example.com": 1, "github.com": 0} {
		body := `{"action":"deleted","repository":{"html_url":"https://` + host + `/acme/shop"}}`
		header := senders["github"].header("secret", body)
		header.Set("X-Github-Event", "repository")
		delivery, err := source.Read(header, []byte(body))
		require.NoError(t, err)
		events, elsewhere := hostevents.Place(set, source, delivery)
		require.Len(t, events, stored, host)
		require.Len(t, elsewhere, 1-stored, host)
	}
}

// TestTheIDOfADeliveryIsTheForges: a redelivery has the same one.
func TestTheIDOfADeliveryIsTheForges(t *testing.T) {
	t.Parallel()
	for topic, name := range map[string]string{"github": "X-Github-Delivery", "gitea": "X-Gitea-Delivery", "bitbucketCloud": "X-Request-UUID", "gitlab": "Idempotency-Key"} {
		source := senders[topic].source(hostevents.Secrets{{Value: "secret"}})
		id := func(sent string) string {
			header := senders[topic].header("secret", "{}")
			header.Set(name, sent)
			delivery, err := source.Read(header, []byte("{}"))
			require.NoError(t, err)
			return delivery.ID
		}
		require.Equal(t, "0a1b", id("0a1b"))
		first, second := id(""), id("")
		require.Equal(t, first, second, "the id is that of the body")
		for _, unusable := range []string{strings.Repeat("x", 10_000), "a\x00b", "\xff"} {
			require.Equal(t, id(""), id(unusable), "it is not stored")
		}
	}
}
