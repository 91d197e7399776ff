package applications_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/integration/argocd/applications"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

var (
	ada  = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada"}}
	shop = entity.Ref{Kind: "Component", Namespace: "default", Name: "shop"}
)

// entities is a catalog with one entity.
type entities struct{ known entity.Entity }

func (e entities) EntityByRef(_ context.Context, _ identity.Principal, ref entity.Ref) (entity.Entity, error) {
	if ref.String() != e.known.Ref().String() {
		return nil, fault.New(fault.NotFound, "no %s", ref)
	}
	return e.known, nil
}

// serviceOf answers about the component shop, which has annotations: pairs of a name and a value.
func serviceOf(t *testing.T, decider policy.Decider, instances []argocd.Instance, annotations ...string) *applications.Service {
	t.Helper()
	set, err := argocd.New(argocd.Options{Instances: instances, Transport: http.DefaultTransport})
	require.NoError(t, err)
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	annotated := map[string]any{}
	for n := 0; n < len(annotations); n += 2 {
		annotated[annotations[n]] = annotations[n+1]
	}
	known := entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": annotated}}
	return applications.New(applications.Options{Instances: set, Entities: subject.Finder{Catalog: entities{known}, Decider: decider}, Hosts: hosts})
}

// withApplications is a server with applications: each is its name, its project, and the value of its label app.
func withApplications(t *testing.T, all ...[3]string) *argocdtest.Server {
	t.Helper()
	server := argocdtest.Start(t, nil)
	for _, each := range all {
		server.Add("application", fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"app":%q}},"spec":{"project":%q,"destination":{"namespace":"shop","server":"https://kubernetes.default.svc"},
			"source":{"path":"deploy","repoURL":"https://user:hunter2@github.com/acme/shop.git"}}}`, each[0], each[2], each[1]))
	}
	return server
}

func TestAnEntitySaysWhichApplicationsAreItsOwn(t *testing.T) {
	t.Parallel()
	first := withApplications(t, [3]string{"shop", "team", "shop"}, [3]string{"shop-db", "team", "shop"}, [3]string{"blog", "other", "blog"})
	second := withApplications(t, [3]string{"shop", "prod", "shop"})
	instances := []argocd.Instance{{Name: "test", URL: first.URL, Token: argocdtest.Token}, {Name: "prod", URL: second.URL, Token: argocdtest.Token}}
	for name, test := range map[string]struct {
		annotations []string
		expected    string
	}{
		"nothing":                   {nil, ""},
		"an instance alone":         {[]string{"argocd/instance-name", "test"}, ""},
		"a name":                    {[]string{"argocd/app-name", "shop"}, "test/shop prod/shop"},
		"a name in an instance":     {[]string{"argocd/app-name", "shop", "argocd/instance-name", "prod"}, "prod/shop"},
		"labels":                    {[]string{"argocd/app-selector", "app=shop"}, "test/shop test/shop-db prod/shop"},
		"a project":                 {[]string{"argocd/project-name", "team"}, "test/shop test/shop-db"},
		"labels within a project":   {[]string{"argocd/app-selector", "app=shop", "argocd/project-name", "prod"}, "prod/shop"},
		"a name of another project": {[]string{"argocd/app-name", "blog", "argocd/project-name", "team"}, ""},
		"another namespace":         {[]string{"argocd/app-name", "shop", "argocd/app-namespace", "elsewhere"}, ""},
		"a selector of nothing":     {[]string{"argocd/app-selector", "=("}, `argocd/app-selector: "=(" does not select labels as in app=shop`},
		"an unknown instance":       {[]string{"argocd/app-name", "shop", "argocd/instance-name", "moon"}, `argocd/instance-name: no instance of Argo CD has the name "moon".`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := serviceOf(t, policy.AllowKnown{}, instances, test.annotations...).OfEntity(t.Context(), ada, shop)
			require.NoError(t, err)
			var listed []string
			for _, each := range found.Applications {
				listed = append(listed, each.Instance+"/"+each.Name)
			}
			for _, each := range found.Problems {
				listed = append(listed, each.Source+": "+each.Message)
			}
			if strings.Contains(test.expected, ": ") {
				require.Len(t, listed, 1)
				require.Contains(t, listed[0], test.expected)
				return
			}
			require.Equal(t, test.expected, strings.Join(listed, " "))
		})
	}
}

const (
	commit  = "0123456789abcdef0123456789abcdef01234567"
	earlier = "fedcba9876543210fedcba9876543210fedcba98"
)

func TestWhatIsShown(t *testing.T) {
	t.Parallel()
	server := withApplications(t, [3]string{"shop", "team", "shop"})
	server.Progress(`{"sync":{"status":"OutOfSync","revision":"` + commit + `"},"health":{"status":"Degraded","message":"crash loop"},
		"summary":{"images":["registry.example.com/shop:1"],"externalURLs":["https://shop.example.com"]},
		"conditions":[{"type":"ComparisonError","message":"cannot clone https://user:hunter2@github.com/acme/shop.git","lastTransitionTime":"2026-01-02T00:00:00Z"}],
		"operationState":{"phase":"Failed","message":"one or more objects failed to apply","operation":{"initiatedBy":{"username":"ada"}},"startedAt":"2026-01-03T00:00:00Z"},
		"history":[{"id":1,"revision":"` + earlier + `","deployedAt":"2026-01-01T00:00:00Z","source":{"repoURL":"https://github.com/acme/shop.git"},"initiatedBy":{"automated":true}},
			{"id":2,"revisions":["` + commit + `","1.2.3"],"deployedAt":"2026-01-02T00:00:00Z","sources":[{"repoURL":"git@github.com:acme/shop.git"},{"repoURL":"https://charts.example.com","chart":"shop"}]}]}`)
	service := serviceOf(t, policy.AllowKnown{}, []argocd.Instance{{Name: "main", URL: server.URL, Token: argocdtest.Token}}, "argocd/app-name", "shop")
	found, err := service.OfEntity(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Empty(t, found.Problems)
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	const repository = "https://github.com/acme/shop"
	require.Equal(t, []applications.Application{{
		Instance: "main", Namespace: "argocd", Name: "shop", Project: "team", URL: server.URL + "/applications/argocd/shop",
		Destination: applications.Destination{Cluster: "https://kubernetes.default.svc", Namespace: "shop"},
		Sync:        "OutOfSync", Health: "Degraded", HealthMessage: "crash loop",
		Revisions:  []applications.Revision{{ID: commit, URL: repository + "/commit/" + commit, Repository: repository + ".git"}},
		Images:     []string{"registry.example.com/shop:1"},
		Conditions: []applications.Condition{{Type: "ComparisonError", Message: "cannot clone https://github.com/acme/shop.git", At: new(at(2))}},
		Operation:  &applications.Operation{Phase: "Failed", Message: "one or more objects failed to apply", By: "ada", StartedAt: new(at(3))},
		History: []applications.Deployment{
			{ID: 2, DeployedAt: at(2), Revisions: []applications.Revision{{ID: commit, URL: repository + "/commit/" + commit, Repository: "git@github.com:acme/shop.git"},
				{ID: "1.2.3", Repository: "https://charts.example.com"}}},
			{ID: 1, DeployedAt: at(1), By: "Argo CD", Revisions: []applications.Revision{{ID: earlier, URL: repository + "/commit/" + earlier, Repository: repository + ".git"}}},
		},
	}}, found.Applications)
}

// TestAnInstanceThatFailsIsAProblem: the others answer all the same, and nobody waits for it.
func TestAnInstanceThatFailsIsAProblem(t *testing.T) {
	t.Parallel()
	well := withApplications(t, [3]string{"shop", "team", "shop"})
	asked := 0
	ill := argocdtest.Start(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(http.StatusServiceUnavailable)
		})
	})
	service := serviceOf(t, policy.AllowKnown{}, []argocd.Instance{{Name: "ill", URL: ill.URL, Token: "t"}, {Name: "well", URL: well.URL, Token: argocdtest.Token}},
		"argocd/app-name", "shop")
	for range 2 {
		found, err := service.OfEntity(t.Context(), ada, shop)
		require.NoError(t, err)
		require.Len(t, found.Applications, 1)
		require.Equal(t, []subject.Problem{{Source: "ill", Message: "listing the applications on Argo CD ill: Service Unavailable. Retry when Argo CD is well again."}}, found.Problems)
	}
	require.Equal(t, 1, asked, "the answer is shown again for a moment")
}

func TestTheAnswerIsBounded(t *testing.T) {
	t.Parallel()
	var many [][3]string
	for n := range 60 {
		many = append(many, [3]string{fmt.Sprintf("shop-%02d", n), "team", "shop"})
	}
	server := withApplications(t, many...)
	service := serviceOf(t, policy.AllowKnown{}, []argocd.Instance{{Name: "main", URL: server.URL, Token: argocdtest.Token}}, "argocd/project-name", "team")
	found, err := service.OfEntity(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Len(t, found.Applications, 50)
	require.Equal(t, []subject.Problem{{Source: "main", Message: "60 applications belong to the entity, of which the first 50 are shown."}}, found.Problems)
}

func TestWhoMayNotSeeIt(t *testing.T) {
	t.Parallel()
	_, err := serviceOf(t, policytest.Table{policy.ArgoCDViewRead: policytest.Deny}, nil).OfEntity(t.Context(), ada, shop)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = serviceOf(t, policy.AllowKnown{}, nil).OfEntity(t.Context(), ada, entity.Ref{Kind: "Component", Namespace: "default", Name: "hidden"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	found, err := serviceOf(t, policy.AllowKnown{}, nil, "argocd/app-name", "shop").OfEntity(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Equal(t, applications.Answer{}, found, "nothing is configured")
}
