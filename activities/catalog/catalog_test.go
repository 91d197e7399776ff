package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	activities "github.com/portico-dev/portico/activities/catalog"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// service is a catalog in memory with the rules of the real one.
type service struct {
	entities  map[string]string
	locations map[string]*location
	// tree is the result of a dry run of any location.
	tree []string
	// unreadable is how often a dry run of any location fails, as if the host did not answer.
	unreadable int
	// fail is the error of the next call of a method. dieAfter fails the call after it has done its work,
	// like a crash.
	fail, dieAfter map[string]error
	onConflict     catalog.ConflictStrategy
	asked          []identity.Principal
}

type location struct {
	id, by string
	at     time.Time
}

func (s *service) failure(method string) error {
	err := s.fail[method]
	delete(s.fail, method)
	return err
}

func (s *service) EntitiesByRefs(_ context.Context, who identity.Principal, refs []string, _ query.Filter, _ query.Fields) ([]json.RawMessage, error) {
	s.asked = append(s.asked, who)
	found := make([]json.RawMessage, len(refs))
	for n, ref := range refs {
		if document, ok := s.entities[ref]; ok {
			found[n] = json.RawMessage(document)
		}
	}
	return found, s.failure("EntitiesByRefs")
}

func (s *service) RegisterLocation(_ context.Context, who identity.Principal, spec entity.LocationSpec, onConflict catalog.ConflictStrategy) (catalog.Location, error) {
	s.asked = append(s.asked, who)
	if err := s.failure("RegisterLocation"); err != nil {
		return catalog.Location{}, err
	}
	if onConflict == "" {
		onConflict = s.onConflict
	}
	registered, exists := s.locations[spec.Target]
	if exists && onConflict != catalog.ConflictRefresh {
		return catalog.Location{}, fault.New(fault.Conflict, "Location %s already exists", spec)
	}
	if !exists {
		registered = &location{id: fmt.Sprintf("id-%d", len(s.locations)), by: who.Subject, at: time.Now()}
		s.locations[spec.Target] = registered
	}
	if err := s.dieAfter["RegisterLocation"]; err != nil {
		delete(s.dieAfter, "RegisterLocation")
		return catalog.Location{}, err
	}
	return catalog.Location{ID: registered.id, Type: spec.Type, Target: spec.Target}, nil
}

func (s *service) TryLocation(context.Context, identity.Principal, entity.LocationSpec) (catalog.Trial, error) {
	if s.unreadable > 0 {
		s.unreadable--
		return catalog.Trial{}, fault.New(fault.Input, "Unable to read url")
	}
	trial := catalog.Trial{}
	for _, document := range s.tree {
		trial.Entities = append(trial.Entities, json.RawMessage(document))
	}
	return trial, s.failure("TryLocation")
}

func (s *service) DeleteLocation(_ context.Context, who identity.Principal, id string) error {
	s.asked = append(s.asked, who)
	for target, registered := range s.locations {
		if registered.id == id {
			delete(s.locations, target)
			return s.failure("DeleteLocation")
		}
	}
	return fault.New(fault.NotFound, "Found no location with ID %s", id)
}

func (s *service) RegistrationOf(_ context.Context, _ identity.Principal, spec entity.LocationSpec) (catalog.Registration, error) {
	registered, ok := s.locations[spec.Target]
	if !ok {
		return catalog.Registration{}, fault.New(fault.NotFound, "Found no location with target %s", spec.Target)
	}
	return registration(spec.Target, registered), s.failure("RegistrationOf")
}

func (s *service) RegistrationByID(_ context.Context, _ identity.Principal, id string) (catalog.Registration, error) {
	for target, registered := range s.locations {
		if registered.id == id {
			return registration(target, registered), s.failure("RegistrationByID")
		}
	}
	return catalog.Registration{}, fault.New(fault.NotFound, "Found no location with ID %s", id)
}

func registration(target string, of *location) catalog.Registration {
	return catalog.Registration{Location: catalog.Location{ID: of.id, Type: "url", Target: target}, By: of.by, At: of.at}
}

func newService() *service {
	return &service{
		locations: map[string]*location{}, fail: map[string]error{}, dieAfter: map[string]error{},
		tree: []string{entityJSON("Location", "generated-abc"), entityJSON("System", "shop"), entityJSON("Component", "Cart")},
	}
}

func entityJSON(kind, name string) string {
	return fmt.Sprintf(`{"apiVersion":"backstage.io/v1alpha1","kind":%q,"metadata":{"name":%q}}`, kind, name)
}

// host answers every request to any host.
type host func(*http.Request) (*http.Response, error)

func (h host) RoundTrip(r *http.Request) (*http.Response, error) { return h(r) }

// answering is a host with one response.
func answering(status int, header ...string) host {
	return func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		for i := 0; i < len(header); i += 2 {
			recorder.Header().Set(header[i], header[i+1])
		}
		recorder.WriteHeader(status)
		answer := recorder.Result()
		answer.Request = r
		return answer, nil
	}
}

func actions(t *testing.T, catalog activities.Service) map[string]action.Action {
	t.Helper()
	return actionsWith(t, catalog, answering(http.StatusOK))
}

func actionsWith(t *testing.T, catalog activities.Service, transport host) map[string]action.Action {
	t.Helper()
	sources, err := forges.New(forges.Config{}, integration.Options{Transport: transport})
	require.NoError(t, err)
	byID := map[string]action.Action{}
	for _, each := range activities.Actions(catalog, sources) {
		byID[each.Describe().ID] = each
	}
	return byID
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	actiontest.RequireDescriptions(t, activities.Actions(nil, nil))
}

func TestFetch(t *testing.T) {
	t.Parallel()
	catalog := newService()
	catalog.entities = map[string]string{"component:default/a": `{"kind":"Component","a":1}`, "system:other/b": `{"kind":"System"}`}
	for input, want := range map[string]string{
		`{"entityRef":"component:default/a"}`:                                                          `{"entity":{"kind":"Component","a":1}}`,
		`{"entityRef":"A","defaultKind":"Component"}`:                                                  `{"entity":{"kind":"Component","a":1}}`,
		`{"entityRefs":["b","component:default/a"],"defaultKind":"system","defaultNamespace":"other"}`: `{"entities":[{"kind":"System"},{"kind":"Component","a":1}]}`,
		`{"entityRef":"component:nope","optional":true}`:                                               `{"entity":null}`,
		`{"entityRefs":["component:nope","system:other/b"],"optional":true}`:                           `{"entities":[null,{"kind":"System"}]}`,
		`{"entityRefs":[]}`: `{"entities":[]}`,
		`{"entityRef":"component:a","entityRefs":["component:a"]}`: `{"entity":{"kind":"Component","a":1},"entities":[{"kind":"Component","a":1}]}`,
		`{"optional":true}`: `{}`,
	} {
		output, err := actiontest.NewHarness(t).Run(t, actions(t, catalog)["catalog:fetch"], input)
		require.NoError(t, err, input)
		encoded, err := json.Marshal(output)
		require.NoError(t, err)
		require.JSONEq(t, want, string(encoded), input)
	}
	require.Equal(t, identity.Principal{Kind: identity.KindUser, Subject: "user:default/guest", Ownership: []string{"user:default/guest"}}, catalog.asked[0])

	for input, message := range map[string]string{
		`{}`:                             "Missing entity reference or references",
		`{"entityRef":"component:nope"}`: "Entity component:nope not found",
		`{"entityRefs":["component:default/a","component:nope"]}`: "Entity component:nope not found",
		`{"entityRef":"a"}`: `Entity reference "a" had missing or empty kind`,
	} {
		_, err := actiontest.NewHarness(t).Run(t, actions(t, catalog)["catalog:fetch"], input)
		require.ErrorContains(t, err, message)
		require.False(t, action.IsTransient(err))
	}

	catalog.fail["EntitiesByRefs"] = errors.New("the database is away")
	_, err := actiontest.NewHarness(t).Run(t, actions(t, catalog)["catalog:fetch"], `{"entityRef":"component:a"}`)
	require.ErrorContains(t, err, "the database is away")
	require.True(t, action.IsTransient(err))
}

// TestARunActsAsItsStarter, with the starter's permissions and no others: a service with a restricted token
// does not get Portico's own permissions.
func TestARunActsAsItsStarter(t *testing.T) {
	t.Parallel()
	for _, starter := range []identity.Principal{
		{Kind: identity.KindUser, Subject: "user:default/guest", Ownership: []string{"user:default/guest", "group:default/shop", "group:default/company"}},
		{Kind: identity.KindService, Subject: "ci", Restrictions: []identity.Restriction{{Plugin: "scaffolder"}}},
	} {
		catalog := newService()
		catalog.entities = map[string]string{"component:default/a": `{}`}
		harness := actiontest.NewHarness(t)
		harness.Starter = starter
		for id, input := range map[string]string{"catalog:fetch": `{"entityRef":"component:a"}`, "catalog:register": `{"catalogInfoUrl":"https://git.example/catalog-info.yaml"}`} {
			_, err := harness.Run(t, actions(t, catalog)[id], input)
			require.NoError(t, err, id)
		}
		require.NotEmpty(t, catalog.asked)
		for _, asked := range catalog.asked {
			require.Equal(t, starter, asked)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ input, path, want string }{
		"in order, with the template": {
			`{"entity":{"kind":"Component","apiVersion":"backstage.io/v1alpha1","metadata":{"name":"a","annotations":{"x/y":"1"},"tags":["go"]},"spec":{"type":"service","n":1,"f":1.5,"no":null,"list":[],"text":"a\nb\n"}}}`,
			"catalog-info.yaml",
			"kind: Component\napiVersion: backstage.io/v1alpha1\nmetadata:\n  name: a\n  annotations:\n    x/y: \"1\"\n    backstage.io/source-template: template:default/example\n" +
				"  tags:\n    - go\nspec:\n  type: service\n  n: 1\n  f: 1.5\n  no: null\n  list: []\n  text: |\n    a\n    b\n",
		},
		"without metadata":   {`{"entity":{"kind":"X"},"filePath":"deep/er/x.yaml"}`, "deep/er/x.yaml", "kind: X\nmetadata:\n  annotations:\n    backstage.io/source-template: template:default/example\n"},
		"null annotations":   {`{"entity":{"metadata":{"annotations":null,"a":"true"}}}`, "catalog-info.yaml", "metadata:\n  annotations:\n    backstage.io/source-template: template:default/example\n  a: \"true\"\n"},
		"its own template":   {`{"entity":{"metadata":{"annotations":{"backstage.io/source-template":"x","z":"😀"}}}}`, "catalog-info.yaml", "metadata:\n  annotations:\n    backstage.io/source-template: template:default/example\n    z: 😀\n"},
		"surrogates in JSON": {`{"entity":{"metadata":{"name":"\ud83d\ude00 \u00e9"}}}`, "catalog-info.yaml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := actiontest.NewHarness(t)
			_, err := harness.Run(t, actions(t, nil)["catalog:write"], test.input)
			require.NoError(t, err)
			written, err := harness.Workspace.ReadFile(test.path)
			require.NoError(t, err)
			require.Equal(t, []string{"Writing " + test.path}, harness.Log.Lines())
			if test.want != "" {
				require.Equal(t, test.want, string(written))
			}
			parsed, err := entity.ParseYAML(written, "test")
			require.NoError(t, err)
			require.Len(t, parsed, 1)
		})
	}
}

func TestWriteMistakes(t *testing.T) {
	t.Parallel()
	for input, message := range map[string]string{
		`{"entity":{},"filePath":"../x"}`:               "Relative path is not allowed",
		`{"entity":{"metadata":"x"}}`:                   "entity: metadata is not an object",
		`{"entity":{"metadata":{"annotations":["x"]}}}`: "entity: annotations is not an object",
		`{"entity":{},"filePath":"."}`:                  ".: ",
	} {
		_, err := actiontest.NewHarness(t).Run(t, actions(t, nil)["catalog:write"], input)
		require.ErrorContains(t, err, message)
		require.False(t, action.IsTransient(err))
	}
}

const target = "https://github.com/acme/shop/tree/main/catalog-info.yaml"

func TestRegister(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ input, url string }{
		"a descriptor":          {`{"catalogInfoUrl":"` + target + `"}`, target},
		"a repository":          {`{"repoContentsUrl":"https://github.com/acme/shop/blob/main"}`, target},
		"a path in it":          {`{"repoContentsUrl":"https://github.com/acme/shop/tree/main","catalogInfoPath":"/deep/x.yaml"}`, "https://github.com/acme/shop/tree/main/deep/x.yaml"},
		"a descriptor anywhere": {`{"catalogInfoUrl":"https://example.com/c.yaml"}`, "https://example.com/c.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness, catalog := actiontest.NewHarness(t), newService()
			output, err := harness.Run(t, actions(t, catalog)["catalog:register"], test.input)
			require.NoError(t, err)
			require.Equal(t, action.Output{"entityRef": "component:default/cart", "catalogInfoUrl": test.url}, output)
			require.Equal(t, []string{"Registering " + test.url + " in the catalog"}, harness.Log.Lines())
			require.Contains(t, catalog.locations, test.url)
			requireEffect(t, harness, action.EffectCreated, "id-0")
		})
	}
}

// TestRegisterFromABranchWithASlash: the host says where the branch's name ends, so the descriptor is found
// at its root.
func TestRegisterFromABranchWithASlash(t *testing.T) {
	t.Parallel()
	gitHub := host(func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		recorder.Header().Set("Content-Type", "application/json")
		answers := map[string]string{"heads/release/": `[{"ref":"refs/heads/release/v3"},{"ref":"refs/heads/release/v30"}]`, "tags/release/": `[]`}
		_, asked, _ := strings.Cut(r.URL.Path, "/matching-refs/")
		_, _ = recorder.WriteString(answers[asked])
		return recorder.Result(), nil
	})
	for given, want := range map[string]string{
		"https://github.com/acme/shop/blob/release/v3":        "https://github.com/acme/shop/tree/release%2Fv3/catalog-info.yaml",
		"https://github.com/acme/shop/blob/release%2Fv3":      "https://github.com/acme/shop/tree/release%2Fv3/catalog-info.yaml",
		"https://github.com/acme/shop/blob/release/v30/parts": "https://github.com/acme/shop/tree/release%2Fv30/catalog-info.yaml",
	} {
		catalog := newService()
		_, err := actiontest.NewHarness(t).Run(t, actionsWith(t, catalog, gitHub)["catalog:register"], `{"repoContentsUrl":"`+given+`"}`)
		require.NoError(t, err)
		require.Contains(t, catalog.locations, want)
	}
}

func requireEffect(t *testing.T, harness *actiontest.Harness, state action.EffectState, id string) {
	t.Helper()
	effects := harness.Ledger.All()
	require.Len(t, effects, 1)
	require.Equal(t, "catalog:location", effects[0].Kind)
	require.Equal(t, state, effects[0].State)
	require.Equal(t, id, effects[0].ExternalID)
}

func TestRegisterNamesTheMainEntity(t *testing.T) {
	t.Parallel()
	for want, tree := range map[string][]string{
		"component:default/cart":       {entityJSON("API", "a"), entityJSON("Component", "cart"), entityJSON("Component", "other")},
		"api:default/a":                {entityJSON("Location", "generated-1"), entityJSON("API", "a"), entityJSON("Component", "generated-2")},
		"location:default/generated-1": {entityJSON("Location", "generated-1")},
		"":                             nil,
	} {
		catalog := newService()
		catalog.tree = tree
		output, err := actiontest.NewHarness(t).Run(t, actions(t, catalog)["catalog:register"], `{"catalogInfoUrl":"`+target+`"}`)
		require.NoError(t, err)
		ref, _ := output["entityRef"].(string)
		require.Equal(t, want, ref)
	}
}

// TestRegisterThatIsRefusedAfterACrash: the first attempt registered and died, and the second may not read
// locations. The refusal does not prove that there is no location.
func TestRegisterThatIsRefusedAfterACrash(t *testing.T) {
	t.Parallel()
	harness, catalog := actiontest.NewHarness(t), newService()
	catalog.dieAfter["RegisterLocation"] = errors.New("killed")
	tested, input := actions(t, catalog)["catalog:register"], `{"catalogInfoUrl":"`+target+`"}`
	_, err := harness.Run(t, tested, input)
	require.ErrorContains(t, err, "killed")
	catalog.fail["RegistrationOf"] = fault.New(fault.NotAllowed, "no")
	_, err = harness.Run(t, tested, input)
	require.EqualError(t, err, "no")
	requireEffect(t, harness, action.EffectIntended, "")

	effects := harness.Ledger.All()
	require.NoError(t, tested.Undo(t.Context(), &action.UndoCall{RunID: "run", Effect: effects[0], User: harness.User, Log: harness.Log}))
	require.Empty(t, catalog.locations)
}

func TestRegisterFailsForALocationOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]*location{
		"before":          {id: "theirs", by: "user:default/guest", at: time.Now().Add(-time.Minute)},
		"in another name": {id: "theirs", by: "user:default/other", at: time.Now().Add(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness, catalog := actiontest.NewHarness(t), newService()
			catalog.locations[target] = other
			tested := actions(t, catalog)["catalog:register"]

			_, err := harness.Run(t, tested, `{"catalogInfoUrl":"`+target+`"}`)
			require.EqualError(t, err, "Location url:"+target+" already exists")
			require.Equal(t, fault.Conflict, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
			requireEffect(t, harness, action.EffectUndone, "")

			output, err := harness.Run(t, tested, `{"catalogInfoUrl":"`+target+`","optional":true}`)
			require.NoError(t, err)
			require.Equal(t, "component:default/cart", output["entityRef"])
			requireEffect(t, harness, action.EffectUndone, "")
			require.Equal(t, other, catalog.locations[target])
		})
	}
}

// TestRegisterFailsWhenTheCatalogRefuses: this refusal is a conflict too, but nothing is registered.
func TestRegisterFailsWhenTheCatalogRefuses(t *testing.T) {
	t.Parallel()
	harness, catalog := actiontest.NewHarness(t), newService()
	catalog.fail["RegisterLocation"] = fault.New(fault.Conflict, "another location provides its entity")
	_, err := harness.Run(t, actions(t, catalog)["catalog:register"], `{"catalogInfoUrl":"`+target+`"}`)
	require.EqualError(t, err, "another location provides its entity")
	require.False(t, action.IsTransient(err))
	requireEffect(t, harness, action.EffectUndone, "")
}

func TestRegisterRefreshesAnExistingLocation(t *testing.T) {
	t.Parallel()
	harness, catalog := actiontest.NewHarness(t), newService()
	catalog.onConflict = "refresh"
	catalog.locations[target] = &location{id: "theirs", by: "user:default/other"}
	_, err := harness.Run(t, actions(t, catalog)["catalog:register"], `{"catalogInfoUrl":"`+target+`"}`)
	require.NoError(t, err)
	requireEffect(t, harness, action.EffectUndone, "")
}

func TestRegisterMistakes(t *testing.T) {
	t.Parallel()
	catalog := newService()
	tested := actions(t, catalog)["catalog:register"]
	_, err := actiontest.NewHarness(t).Run(t, tested, `{"repoContentsUrl":"https://nowhere.example/acme/shop"}`)
	require.ErrorContains(t, err, "No integration found for host https://nowhere.example/acme/shop")
}

func TestRegisterOfUnreadableLocations(t *testing.T) {
	t.Parallel()
	unreachable := func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
	for name, test := range map[string]struct {
		host       host
		unreadable int
		transient  bool
		wait       time.Duration
	}{
		"the host fails":          {answering(http.StatusBadGateway), 1, true, 0},
		"the host asks to wait":   {answering(http.StatusTooManyRequests, "Retry-After", "7"), 1, true, 7 * time.Second},
		"the host does not speak": {unreachable, 1, true, 0},
		"it is not there":         {answering(http.StatusNotFound), 2, false, 0},
		"it is forbidden":         {answering(http.StatusForbidden), 1, false, 0},
		"it makes no sense":       {answering(http.StatusOK), 2, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			catalog := newService()
			catalog.unreadable = test.unreadable
			tested := actionsWith(t, catalog, test.host)["catalog:register"]
			harness := actiontest.NewHarness(t)
			_, err := harness.Run(t, tested, `{"catalogInfoUrl":"`+target+`"}`)
			require.EqualError(t, err, "Unable to read url")
			require.Equal(t, test.transient, action.IsTransient(err))
			require.Equal(t, test.wait, action.RetryAfter(err))
			require.Equal(t, test.transient, action.Advice(err) != "")
			output, err := harness.Run(t, tested, `{"catalogInfoUrl":"`+target+`"}`)
			require.NoError(t, err, "a retry completes")
			require.Equal(t, "component:default/cart", output["entityRef"])

			catalog.unreadable = test.unreadable
			output, err = actiontest.NewHarness(t).Run(t, tested, `{"catalogInfoUrl":"`+target+`","optional":true}`)
			if test.transient {
				require.True(t, action.IsTransient(err), "that it is optional does not make it final")
				return
			}
			require.NoError(t, err)
			require.Equal(t, action.Output{"catalogInfoUrl": target}, output)
		})
	}
}

// TestRegisterAfterTheHostRecovered: the host fails the catalog's request, but not the later one of the
// action.
func TestRegisterAfterTheHostRecovered(t *testing.T) {
	t.Parallel()
	catalog := newService()
	catalog.unreadable = 1
	output, err := actiontest.NewHarness(t).Run(t, actions(t, catalog)["catalog:register"], `{"catalogInfoUrl":"`+target+`"}`)
	require.NoError(t, err)
	require.Equal(t, "component:default/cart", output["entityRef"])
}

func TestUndoWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	harness, catalog := actiontest.NewHarness(t), newService()
	tested := actions(t, catalog)["catalog:register"]
	_, err := harness.Run(t, tested, `{"catalogInfoUrl":"`+target+`"}`)
	require.NoError(t, err)
	catalog.fail["DeleteLocation"] = errors.New("the database is away")
	err = harness.RollBack(t.Context(), tested)
	require.ErrorContains(t, err, "unregister "+target+": the database is away")
	require.True(t, action.IsTransient(err))
}

// TestUndoOfAnIntent: the run died before it got the location's id.
func TestUndoOfAnIntent(t *testing.T) {
	t.Parallel()
	intended := time.Now()
	for name, test := range map[string]struct {
		there *location
		left  int
	}{
		"nothing there": {nil, 0},
		"our own":       {&location{id: "ours", by: "user:default/guest", at: intended.Add(time.Second)}, 0},
		"theirs":        {&location{id: "theirs", by: "user:default/guest", at: intended.Add(-time.Second)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness, catalog := actiontest.NewHarness(t), newService()
			if test.there != nil {
				catalog.locations[target] = test.there
			}
			effect := action.Effect{Kind: "catalog:location", Name: target, State: action.EffectIntended, IntendedAt: intended}
			require.NoError(t, actions(t, catalog)["catalog:register"].Undo(t.Context(), &action.UndoCall{Effect: effect, User: harness.User, Log: harness.Log}))
			require.Len(t, catalog.locations, test.left)
		})
	}
}

func TestPlanOfRegister(t *testing.T) {
	t.Parallel()
	call := actiontest.NewHarness(t).Call(`{"repoContentsUrl":"https://github.com/acme/shop/blob/main"}`)
	plan, err := actions(t, newService())["catalog:register"].Plan(t.Context(), call)
	require.NoError(t, err)
	require.Equal(t, "register "+target+" in the catalog", plan.Summary)
	require.Equal(t, []action.PlannedEffect{{Kind: "catalog:location", Name: target}}, plan.Creates)
	require.True(t, strings.HasPrefix(plan.Creates[0].Name, "https://"))
}
