package project_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/project"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada"}}

var shop = entity.Ref{Kind: "Component", Namespace: "default", Name: "shop"}

// annotations are those of the component shop.
type annotations map[string]any

// EntityByRef finds the component shop.
func (a annotations) EntityByRef(_ context.Context, _ identity.Principal, ref entity.Ref) (entity.Entity, error) {
	if ref.String() != shop.String() {
		return nil, fault.New(fault.NotFound, "no %s", ref)
	}
	return entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": map[string]any(a)}}, nil
}

// bundle is a service over a GitHub and a GitLab, on each of which there is a project shop.
type bundle struct {
	*project.Service

	forge  *forgetest.Server
	client *gogithub.Client
	lab    *gitlabtest.Server
	hosts  *integration.Set
	// asked counts the requests to the forge.
	asked atomic.Int64
	// recorded is the audit log.
	recorded []string
}

const workflow = "name: CI\non: push\njobs:\n  build: {}\n  test: {}\n"

func setup(t *testing.T, known annotations) *bundle {
	t.Helper()
	b := &bundle{forge: forgetest.Start(t), lab: gitlabtest.Start(t)}
	b.client = b.forge.Client(t)
	_, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop")})
	require.NoError(t, err)
	b.forge.Push(t, "demo/shop", "main", false, map[string]string{".github/workflows/ci.yaml": workflow})
	b.lab.AddProject("acme/shop", gitlabtest.Portico, map[string]string{"README.md": "# Shop\n"})
	b.forge.Inject(func(*http.Request) forgetest.Fault {
		b.asked.Add(1)
		return nil
	})
	b.hosts, err = forges.New(forges.Config{
		GitHub: []github.Config{{Host: b.forge.Host, APIBaseURL: b.forge.APIBaseURL, Token: b.forge.Token()}},
		GitLab: []gitlab.Config{{Host: b.lab.Host, BaseURL: b.lab.URL, Token: gitlabtest.Token}},
	}, integration.Options{})
	require.NoError(t, err)
	b.serve(known, policy.AllowKnown{})
	return b
}

// serve makes a service, which remembers nothing. HOST and LAB in annotations are the hosts.
func (b *bundle) serve(known annotations, decider policy.Decider) {
	complete := annotations{}
	for name, value := range known {
		complete[name] = strings.NewReplacer("HOST", b.forge.Host, "LAB", b.lab.Host).Replace(fmt.Sprint(value))
	}
	b.Service = project.New(project.Options{Hosts: b.hosts, Entities: subject.Finder{Catalog: complete, Decider: decider},
		Record: func(_ context.Context, actor audit.Actor, resource string, changes ...audit.Change) error {
			line := actor.Subject + " " + resource
			for _, change := range changes {
				line += fmt.Sprintf(" %s=%v", change.Field, change.New)
			}
			b.recorded = append(b.recorded, line)
			return nil
		}})
}

// fail lets the newest run of the forge fail.
func (b *bundle) fail(t *testing.T) {
	t.Helper()
	listed, _, err := b.client.Actions.ListRepositoryWorkflowRuns(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	require.NoError(t, b.forge.SettleRun("demo", "shop", listed.WorkflowRuns[0].GetID(), "completed", "failure"))
}

func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	refuser := &policytest.Refuser{}
	b.serve(nil, refuser)
	policytest.EveryMethodAsks(t, b.Service, refuser, nil, shop)
}

func TestTheBuildsOfARepositoryOnGitHub(t *testing.T) {
	t.Parallel()
	b := setup(t, annotations{"github.com/project-slug": "demo/shop"})
	b.fail(t)
	asked := b.asked.Load()
	var found project.Builds
	for range 2 {
		var err error
		found, err = b.Builds(t.Context(), ada, shop)
		require.NoError(t, err)
	}
	require.Equal(t, asked+1, b.asked.Load(), "the second answer is the first one again")
	require.Empty(t, found.Problems)
	require.Len(t, found.Builds, 1)
	build := found.Builds[0]
	require.Regexp(t, `^github-\d+$`, build.ID)
	require.Equal(t, []string{b.forge.Host, "CI", "main", "push", "portico"}, []string{build.Source, build.Name, build.Branch, build.Trigger, build.By})
	require.Equal(t, integration.BuildFailed, build.Status)
	require.True(t, build.CanRerun)
	require.Len(t, build.Commit, 40)
	require.Contains(t, build.URL, "/demo/shop/actions/runs/")
	require.WithinDuration(t, time.Now(), build.StartedAt, time.Minute)

	jobs, err := b.Jobs(t.Context(), ada, shop, build.ID)
	require.NoError(t, err)
	require.Len(t, jobs, 2)
	require.Equal(t, "build", jobs[0].Name)
	require.Equal(t, integration.BuildFailed, jobs[1].Status)
}

func TestTheBuildsOfAProjectOnGitLab(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]annotations{
		"by its path":     {"gitlab.com/project-slug": "acme/shop"},
		"by its instance": {"gitlab.com/project-slug": "acme/shop", "gitlab.com/instance": "LAB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, known)
			b.lab.AddPipeline("acme/shop", "main", "success", gitlabtest.Ann)
			number := b.lab.AddPipeline("acme/shop", "main", "manual", gitlabtest.Ben)
			found, err := b.Builds(t.Context(), ada, shop)
			require.NoError(t, err)
			require.Len(t, found.Builds, 2)
			newest := found.Builds[0]
			require.Equal(t, fmt.Sprintf("gitlab-%d", number), newest.ID)
			require.Equal(t, []string{b.lab.Host, "main", "push", "ben"}, []string{newest.Source, newest.Branch, newest.Trigger, newest.By})
			require.Equal(t, integration.BuildWaiting, newest.Status)
			require.Equal(t, 90*time.Second, newest.Duration)
			require.False(t, newest.CanRerun)
			require.Equal(t, integration.BuildSucceeded, found.Builds[1].Status)

			jobs, err := b.Jobs(t.Context(), ada, shop, newest.ID)
			require.NoError(t, err)
			require.Equal(t, []string{"compile", "test"}, []string{jobs[0].Name, jobs[1].Name})
			require.Equal(t, "build", jobs[0].Stage)
			require.Equal(t, 44500*time.Millisecond, jobs[0].Duration)
		})
	}
}

// TestWhichHostIsAsked: an annotation is an author's text. It leads to configured hosts with credentials only.
func TestWhichHostIsAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		known   annotations
		source  string
		problem subject.Problem
	}{
		"nothing is annotated":           {nil, "", subject.Problem{}},
		"a slug alone":                   {annotations{"github.com/project-slug": "demo/shop"}, "HOST", subject.Problem{}},
		"by the source":                  {annotations{"github.com/project-slug": "demo/shop", "backstage.io/source-location": "url:http://HOST/demo/shop"}, "HOST", subject.Problem{}},
		"by the location":                {annotations{"github.com/project-slug": "demo/shop", "backstage.io/managed-by-location": "url:http://HOST/demo/shop/blob/main/a.yaml"}, "HOST", subject.Problem{}},
		"a source without credentials":   {annotations{"github.com/project-slug": "demo/shop", "backstage.io/source-location": "url:https://github.com/demo/shop"}, "HOST", subject.Problem{}},
		"a source elsewhere":             {annotations{"github.com/project-slug": "demo/shop", "backstage.io/source-location": "url:https://attacker.example/demo/shop"}, "HOST", subject.Problem{}},
		"no slug of a repository":        {annotations{"github.com/project-slug": "demo"}, "", subject.Problem{Source: "github.com/project-slug", Message: `"demo" is not the path of a project on HOST`}},
		"a slug that leads elsewhere":    {annotations{"github.com/project-slug": "demo/../../user"}, "", subject.Problem{Source: "github.com/project-slug", Message: `"demo/../../user" is not the path of a project on HOST`}},
		"a slug with a query":            {annotations{"github.com/project-slug": "demo/shop?x=y"}, "", subject.Problem{Source: "github.com/project-slug", Message: `"demo/shop?x=y" is not the path of a project on HOST`}},
		"a slug that is a page":          {annotations{"github.com/project-slug": "demo/shop/tree/main"}, "", subject.Problem{Source: "github.com/project-slug", Message: `"demo/shop/tree/main" is not the path of a project on HOST`}},
		"a repository that is not there": {annotations{"github.com/project-slug": "demo/none"}, "", subject.Problem{Source: "HOST", Message: "demo/none does not exist on HOST, or Portico may not read it"}},
		"an instance that is not ours":   {annotations{"gitlab.com/project-slug": "acme/shop", "gitlab.com/instance": "attacker.example"}, "", subject.Problem{Source: "gitlab.com/instance", Message: `Portico has no credentials for a GitLab "attacker.example"`}},
		"an instance that is a GitHub":   {annotations{"gitlab.com/project-slug": "demo/shop", "gitlab.com/instance": "HOST"}, "", subject.Problem{Source: "gitlab.com/instance", Message: `Portico has no credentials for a GitLab "HOST"`}},
		"no number of a project":         {annotations{"gitlab.com/project-id": "12/../13"}, "", subject.Problem{Source: "gitlab.com/project-slug", Message: `"12/../13" is not the number of a project`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, test.known)
			found, err := b.Builds(t.Context(), ada, shop)
			require.NoError(t, err)
			complete := strings.NewReplacer("HOST", b.forge.Host)
			if test.problem == (subject.Problem{}) {
				require.Empty(t, found.Problems)
			} else {
				require.Equal(t, []subject.Problem{{Source: complete.Replace(test.problem.Source), Message: complete.Replace(test.problem.Message)}}, found.Problems)
			}
			if test.source == "" {
				require.Empty(t, found.Builds)
				return
			}
			require.Equal(t, complete.Replace(test.source), found.Builds[0].Source)
		})
	}
}

func TestBuildsAreRunAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, annotations{"github.com/project-slug": "demo/shop", "gitlab.com/project-slug": "acme/shop"})
	b.fail(t)
	b.lab.AddPipeline("acme/shop", "main", "failed", gitlabtest.Ann)
	before, err := b.Builds(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Len(t, before.Builds, 2)
	for n, build := range before.Builds {
		require.NoError(t, b.Rerun(t.Context(), ada, shop, build.ID))
		_, number, _ := strings.Cut(build.ID, "-")
		require.Equal(t, fmt.Sprintf("user:default/ada component:default/shop host=%s project=%s build=%s", build.Source,
			[]string{"demo/shop", "acme/shop"}[n], number), b.recorded[n])
	}
	after, err := b.Builds(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Equal(t, integration.BuildQueued, after.Builds[0].Status, "a page sees at once that it runs again")
	require.Equal(t, integration.BuildRunning, after.Builds[1].Status)

	err = b.Rerun(t.Context(), ada, shop, before.Builds[0].ID)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, "again: This workflow is already running")
}

func TestBuildsThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t, annotations{"github.com/project-slug": "demo/shop"})
	other := entity.Ref{Kind: "Component", Namespace: "default", Name: "other"}
	for name, test := range map[string]struct {
		ref entity.Ref
		id  string
	}{
		"no such entity":          {other, "github-1"},
		"no such build":           {shop, "github-999999"},
		"a host without projects": {shop, "gitlab-1"},
		"no number":               {shop, "github-1/../../../user"},
		"nothing":                 {shop, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, fault.NotFound, fault.KindOf(b.Rerun(t.Context(), ada, test.ref, test.id)))
			_, err := b.Jobs(t.Context(), ada, test.ref, test.id)
			require.True(t, fault.KindOf(err) == fault.NotFound || strings.Contains(err.Error(), "does not exist"), err)
		})
	}
}

func TestNothingIsAskedThatWasNotRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t, annotations{"github.com/project-slug": "demo/shop"})
	b.fail(t)
	found, err := b.Builds(t.Context(), ada, shop)
	require.NoError(t, err)
	unrecorded := fault.New(fault.Unavailable, "the log cannot be written")
	service := project.New(project.Options{Hosts: b.hosts, Entities: subject.Finder{Catalog: annotations{"github.com/project-slug": "demo/shop"}, Decider: policy.AllowKnown{}},
		Record: func(context.Context, audit.Actor, string, ...audit.Change) error { return unrecorded }})
	asked := b.asked.Load()
	require.ErrorIs(t, service.Rerun(t.Context(), ada, shop, found.Builds[0].ID), unrecorded)
	require.Equal(t, asked, b.asked.Load())
}

// TestAHostThatDoesNotAnswer is a problem of its own, and is left alone for as long as it asks.
func TestAHostThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault   forgetest.Fault
		message string
	}{
		"it fails":           {forgetest.Answer(http.StatusBadGateway, "Oops", nil), "502 Bad Gateway"},
		"its limit is spent": {forgetest.Answer(http.StatusForbidden, "API rate limit exceeded", http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {fmt.Sprint(time.Now().Add(time.Hour).Unix())}}), "rate limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, annotations{"github.com/project-slug": "demo/shop", "gitlab.com/project-slug": "acme/shop"})
			b.lab.AddPipeline("acme/shop", "main", "success", gitlabtest.Ann)
			b.forge.Inject(func(*http.Request) forgetest.Fault {
				b.asked.Add(1)
				return test.fault
			})
			asked := b.asked.Load()
			for range 3 {
				found, err := b.Builds(t.Context(), ada, shop)
				require.NoError(t, err)
				require.Len(t, found.Builds, 1, "the other host answers")
				require.Len(t, found.Problems, 1)
				require.Equal(t, b.forge.Host, found.Problems[0].Source)
				require.Contains(t, found.Problems[0].Message, test.message)
			}
			require.Equal(t, asked+1, b.asked.Load())
			_, err := b.Jobs(t.Context(), ada, shop, "github-1")
			require.Equal(t, fault.BadGateway, fault.KindOf(err))
		})
	}
}

// TestAppsNeedThePermissions: the token of an App is restricted to what is read, and to running again.
func TestAppsNeedThePermissions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		granted       map[string]string
		reads, reruns bool
	}{
		"none":    {map[string]string{"metadata": "read"}, false, false},
		"reading": {map[string]string{"metadata": "read", "actions": "read", "pull_requests": "read"}, true, false},
		"all":     {map[string]string{"metadata": "read", "actions": "write", "pull_requests": "read"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.fail(t)
			_, _, err := b.client.Repositories.Edit(t.Context(), "demo", "shop", &gogithub.Repository{Private: new(true)})
			require.NoError(t, err)
			key := b.forge.RegisterApp(t, 4711, test.granted)
			require.NoError(t, b.forge.Install(forge.Installation{AppID: 4711, Owner: "demo"}))
			b.hosts, err = forges.New(forges.Config{GitHub: []github.Config{{Host: b.forge.Host, APIBaseURL: b.forge.APIBaseURL,
				Apps: []github.App{{ID: 4711, PrivateKey: key}}}}}, integration.Options{})
			require.NoError(t, err)
			listed, _, err := b.client.Actions.ListRepositoryWorkflowRuns(t.Context(), "demo", "shop", nil)
			require.NoError(t, err)
			id := fmt.Sprintf("github-%d", listed.WorkflowRuns[0].GetID())
			b.serve(annotations{"github.com/project-slug": "demo/shop"}, policy.AllowKnown{})

			builds, err := b.Builds(t.Context(), ada, shop)
			require.NoError(t, err)
			pulls, err := b.PullRequests(t.Context(), ada, shop)
			require.NoError(t, err)
			if test.reads {
				require.Empty(t, append(builds.Problems, pulls.Problems...))
				require.Len(t, builds.Builds, 1)
			} else {
				lacks := "GitHub App 4711 lacks a permission for demo on " + b.forge.Host
				require.Equal(t, []subject.Problem{{Source: b.forge.Host, Message: lacks + ": actions: read"}}, builds.Problems)
				require.Equal(t, []subject.Problem{{Source: b.forge.Host, Message: lacks + ": pull_requests: read"}}, pulls.Problems)
			}
			err = b.Rerun(t.Context(), ada, shop, id)
			if test.reruns {
				require.NoError(t, err)
				return
			}
			require.Equal(t, fault.BadGateway, fault.KindOf(err))
			require.EqualError(t, err, "The build "+id+" was not run again: GitHub App 4711 lacks a permission for demo on "+b.forge.Host+": actions: write")
		})
	}
}

// TestAnAppThatIsNotInstalled for the owner has no token: what is private stays hidden, with the reason.
func TestAnAppThatIsNotInstalled(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	_, _, err := b.client.Repositories.Edit(t.Context(), "demo", "shop", &gogithub.Repository{Private: new(true)})
	require.NoError(t, err)
	key := b.forge.RegisterApp(t, 4711, map[string]string{"actions": "write"})
	b.hosts, err = forges.New(forges.Config{GitHub: []github.Config{{Host: b.forge.Host, APIBaseURL: b.forge.APIBaseURL,
		Apps: []github.App{{ID: 4711, PrivateKey: key}}}}}, integration.Options{})
	require.NoError(t, err)
	b.serve(annotations{"github.com/project-slug": "demo/shop"}, policy.AllowKnown{})
	found, err := b.Builds(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Contains(t, found.Problems[0].Message, "demo/shop does not exist on "+b.forge.Host+", or Portico may not read it: GitHub App 4711 is not installed for demo")
	err = b.Rerun(t.Context(), ada, shop, "github-1")
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, "Portico has no credentials to run builds of demo/shop again: GitHub App 4711 is not installed for demo")
}
