package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/standin"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
)

// onboarding is a system with the servers of the onboarding template: a real Kubernetes API server and a real
// Vault, the local forge, and stand-ins for Argo CD, PagerDuty and Slack.
type onboarding struct {
	*system
	cluster   *kubetest.Cluster
	vault     vaulttest.Vault
	argocd    *argocdtest.Server
	pagerduty *standin.PagerDuty
	slack     *standin.Slack
	outside   *outside
}

// outside sees the calls of steps to other systems. Each takes the delay longer.
type outside struct {
	delay time.Duration

	mutex sync.Mutex
	// open is how many calls there are at the moment, and since is when the first of them began.
	open  int
	since time.Time
	// calls is how many there were, and busy is for how long there was at least one.
	calls int
	busy  time.Duration
}

func (o *outside) wrap(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.enter()
		defer o.leave()
		<-time.After(o.delay)
		inner.ServeHTTP(w, r)
	})
}

func (o *outside) enter() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.open == 0 {
		o.since = time.Now()
	}
	o.open++
	o.calls++
}

func (o *outside) leave() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.open--
	if o.open == 0 {
		o.busy += time.Since(o.since)
	}
}

// sum is for how long there was a call until now, and how many there were.
func (o *outside) sum() (busy time.Duration, calls int) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.open > 0 {
		return o.busy + time.Since(o.since), o.calls
	}
	return o.busy, o.calls
}

// newOnboarding starts the servers and Portico. Each call of a step to one of them takes the delay longer.
func newOnboarding(t testing.TB, delay time.Duration) *onboarding {
	t.Helper()
	slow := &outside{delay: delay}
	o := &onboarding{outside: slow, cluster: kubetest.Start(t), vault: vaulttest.Start(t), argocd: argocdtest.Start(t, slow.wrap),
		pagerduty: &standin.PagerDuty{}, slack: &standin.Slack{}}
	served := func(handler http.Handler) string {
		server := httptest.NewServer(slow.wrap(handler))
		t.Cleanup(server.Close)
		return server.URL
	}
	vault, err := url.Parse(o.vault.Address)
	require.NoError(t, err)
	o.system = newSystem(t, fmt.Sprintf(`
catalog:
  locations:
    - { type: file, target: examples/catalog/all.yaml }
    - { type: file, target: examples/templates/onboarding/template.yaml }
    - { type: file, target: examples/templates/database/template.yaml }
kubernetes:
  clusterLocatorMethods:
    - type: config
      clusters: [{ name: dev, url: %q, authProvider: serviceAccount, serviceAccountToken: %q }]
vault: { baseUrl: %q, auth: { secret: %q } }
argocd: { appLocatorMethods: [{ type: config, instances: [{ name: main, url: %q, token: %q }] }] }
proxy:
  endpoints:
    /pagerduty: { target: %q, headers: { Authorization: Token token=x } }
    /slack: { target: %q, headers: { Authorization: Bearer x } }
`, o.cluster.Proxy(t, slow.wrap), o.cluster.Token, served(httputil.NewSingleHostReverseProxy(vault)), o.vault.RootToken, o.argocd.URL, argocdtest.Token, served(o.pagerduty), served(o.slack)+"/api"))
	o.forge.Inject(func(r *http.Request) forgetest.Fault {
		if fault := o.faults.pick(r); fault != nil {
			return fault
		}
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) { slow.wrap(next).ServeHTTP(w, r) }
	})
	return o
}

// onboard starts a run for a service.
func (o *onboarding) onboard(name string) (id string) {
	o.t.Helper()
	return o.createRun("onboarding", map[string]any{"name": name, "description": "Sells things", "owner": "group:default/tracking",
		"system": "system:default/tracking", "repoUrl": o.repoURL(name)}, nil)
}

// things lists what the servers have of a service, without its ids. Each thing that exists twice is there twice.
func (o *onboarding) things(name string) []string {
	o.t.Helper()
	found := []string{}
	if o.hasRepository(name) {
		found = append(found, "repository with "+o.git(name, "rev-list", "--count", "--all")+" commit")
	}
	for _, each := range o.argocd.State() {
		kind, rest, _ := strings.Cut(each, " ")
		if strings.HasPrefix(rest, name+":") || strings.HasPrefix(rest, name+" ") {
			found = append(found, kind)
		}
	}
	if namespace := o.cluster.Get(o.t, kubetest.Namespaces, "", name); namespace != nil && namespace.GetDeletionTimestamp() == nil {
		found = append(found, "namespace")
	}
	if o.cluster.Get(o.t, kubetest.Quotas, name, "quota") != nil {
		found = append(found, "quota")
	}
	if mounts, err := o.vault.Client.Sys().ListMounts(); err == nil && mounts[name+"/"] != nil {
		found = append(found, "secrets engine")
	}
	if rules, err := o.vault.Client.Sys().GetPolicy(name + "-rw"); err == nil && rules != "" {
		found = append(found, "policy")
	}
	for kind, named := range map[string][]string{"on-call service": o.pagerduty.State(), "channel": o.slack.State()} {
		for range count(named, name) {
			found = append(found, kind)
		}
	}
	for range o.locations(name) {
		found = append(found, "location")
	}
	slices.Sort(found)
	return found
}

func count(values []string, wanted string) (n int) {
	for _, value := range values {
		if value == wanted {
			n++
		}
	}
	return n
}

var onboarded = []string{"application", "channel", "location", "namespace", "on-call service", "policy", "project", "quota", "repository with 1 commit", "secrets engine"}

// TestOnboarding is the seed's scenario: one click makes everything that a service needs, and a rollback leaves
// nothing of it.
func TestOnboarding(t *testing.T) {
	t.Parallel()
	o := newOnboarding(t, 0)
	o.start("worker")
	o.startServing("onboarding")
	name := kubetest.Name("shop")
	id := o.onboard(name)
	d := o.awaitPhase(id, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)
	require.Equal(t, onboarded, o.things(name))
	o.requireLoggedOnce(id, 11)
	o.requireReplays(id)
	o.requireProtected(name)
	o.until("the service to be in the catalog", func() bool {
		return o.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusOK
	})

	others := kubetest.Name("theirs")
	require.NoError(t, o.vault.Client.Sys().PutPolicy(others, "# theirs"))
	o.requireTakenBack(id, name)
	kept, err := o.vault.Client.Sys().GetPolicy(others)
	require.NoError(t, err)
	require.NotEmpty(t, kept, "what is not the run's stays")
}

// requireTakenBack rolls the run back and checks that nothing is left on any server.
func (o *onboarding) requireTakenBack(id, name string) {
	o.t.Helper()
	o.rollBack(id)
	d := o.awaitPhase(id, "rolledBack", "parked")
	require.Equal(o.t, "rolledBack", d.Phase, "%+v", d.Error)
	for _, effect := range d.Effects {
		require.Equal(o.t, "undone", effect.State, "%s: %s", effect.Name, effect.Note)
	}
	require.Empty(o.t, o.things(name))
	o.requireNothingLeft(name)
	o.requireReplays(id)
}

func (o *onboarding) requireProtected(name string) {
	o.t.Helper()
	require.Equal(o.t, http.StatusOK, o.forgeCall(http.MethodGet, "/repos/"+organization+"/"+name+"/branches/main/protection", nil))
}

// TestOnboardingKeepsWhatIsUsed: a team has put a secret into Vault and pushed to the repository since. Both stay, with the
// reason, and everything else goes.
func TestOnboardingKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	o := newOnboarding(t, 0)
	o.start("worker")
	o.startServing("onboarding")
	name := kubetest.Name("shop")
	id := o.onboard(name)
	require.Equal(t, "completed", o.awaitPhase(id, "done", "parked").Status)
	_, err := o.vault.Client.KVv2(name).Put(t.Context(), "database", map[string]any{"password": "theirs"})
	require.NoError(t, err)
	clone := filepath.Join(t.TempDir(), "clone")
	o.mustGit("", "clone", "--quiet", o.cloneURL(name), clone)
	o.mustGit(clone, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "--allow-empty", "-m", "Theirs")
	o.mustGit(clone, "push", "--quiet")

	o.rollBack(id)
	d := o.awaitPhase(id, "rolledBack", "parked")
	require.Equal(t, []string{"policy", "repository with 2 commit", "secrets engine"}, o.things(name))
	kept := []string{}
	for _, effect := range d.Effects {
		if effect.State == "kept" {
			kept = append(kept, effect.Kind)
		}
	}
	require.ElementsMatch(t, []string{"github:repository", "vault:engine", "vault:policy"}, kept)
}

// TestOnboardingSurvivesTheDeathOfItsWorker kills the worker at random moments of the run, with every call to a server
// delayed so that most of them are cut off. In the end, each thing exists once.
func TestOnboardingSurvivesTheDeathOfItsWorker(t *testing.T) {
	t.Parallel()
	kills, seed := setting(t, "PORTICO_KILLS", 12), setting(t, "PORTICO_SEED", 1)
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	o := newOnboarding(t, 30*time.Millisecond)
	o.forge.Inject(o.faults.pick) // the forge is not late here: kills come every two seconds
	worker := o.start("worker")
	o.startServing("onboarding")
	ids := map[string]string{}
	for range kills {
		name := kubetest.Name("shop")
		ids[name] = o.onboard(name)
		<-time.After(time.Duration(random.IntN(4000)) * time.Millisecond)
		worker.kill()
		worker = o.start("worker")
	}
	for name, id := range ids {
		d := o.awaitPhase(id, "done", "parked")
		if d.Error != nil && d.Error.Name == "WorkerLostError" { // three kills in a row hit one step
			o.retry(id)
			d = o.awaitPhase(id, "done")
		}
		require.Equal(t, "completed", d.Status, "%s: %+v", name, d.Error)
		require.Equal(t, onboarded, o.things(name))
	}
	for name, id := range ids {
		o.requireTakenBack(id, name)
		break // one is enough: the others are the same
	}
}

// TestADatabaseWaitsForItsMerge is the pattern of the pull request: a step proposes, the run waits for a person without
// a worker, and goes on with the merge. A second one is closed: its run says so, and leaves nothing.
func TestADatabaseWaitsForItsMerge(t *testing.T) {
	t.Parallel()
	o := newOnboarding(t, 0)
	worker := o.start("worker")
	o.startServing("database")
	o.createRepository("infrastructure")
	clone := filepath.Join(t.TempDir(), "clone")
	o.mustGit("", "clone", "--quiet", o.cloneURL("infrastructure"), clone)
	o.mustGit(clone, "checkout", "--quiet", "-B", "main")
	o.mustGit(clone, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "--allow-empty", "-m", "Begin")
	o.mustGit(clone, "push", "--quiet", "origin", "main")
	propose := func(name string) (id string) {
		id = o.createRun("database", map[string]any{"name": name, "owner": "group:default/tracking", "repoUrl": o.repoURL("infrastructure")}, nil)
		o.awaitPhase(id, "waiting")
		return id
	}
	merged, closed := propose("orders"), propose("returns")
	worker.kill() // nobody is needed for the wait
	o.start("worker")
	pulls := "/repos/" + organization + "/infrastructure/pulls/"
	require.Equal(t, http.StatusOK, o.forgeCall(http.MethodPut, pulls+"1/merge", map[string]any{}))
	require.Equal(t, http.StatusOK, o.forgeCall(http.MethodPatch, pulls+"2", map[string]any{"state": "closed"}))

	d := o.awaitPhase(merged, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)
	o.requireLoggedOnce(merged, 4)
	o.until("the database to be in the catalog", func() bool {
		return o.get("/api/catalog/entities/by-name/resource/default/orders", nil) == http.StatusOK
	})
	d = o.awaitPhase(closed, "parked")
	require.Contains(t, d.Error.Message, "was closed and not merged")
	o.rollBack(closed)
	o.awaitPhase(closed, "rolledBack")
	require.NotContains(t, o.git("infrastructure", "branch", "--all"), "database-returns")
}
