package external_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/search/external"
)

var (
	wiki = identity.Principal{Kind: identity.KindService, Subject: "external:wiki"}
	ann  = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ann", Ownership: []string{"user:default/ann", "group:default/payments"}}
	bob  = identity.Principal{Kind: identity.KindUser, Subject: "user:default/bob", Ownership: []string{"user:default/bob"}}
)

// bench is a database with the source wiki, and others.
type bench struct {
	*testing.T

	pool  *pgxpool.Pool
	store *external.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, pool: testkit.Database(t)}
	b.store = b.with(policy.AllowKnown{})
	return b
}

// with is the store under another decider.
func (b *bench) with(decider policy.Decider) *external.Store {
	return external.New(external.Options{Pool: b.pool, Decider: decider, Sources: []external.Config{
		{AboutSource: search.AboutSource{Name: "wiki", Title: "The wiki"}, Kind: "page", MaxDocuments: 1000, Retention: time.Hour},
		{AboutSource: search.AboutSource{Name: "secret", Title: "Secret", Readers: []string{"group:default/PAYMENTS"}}, Kind: "page", MaxDocuments: 3, Pushers: []string{"external:wiki"}},
		{AboutSource: search.AboutSource{Name: "live", Title: "Live", IsLive: true}},
	}})
}

func (b *bench) push(source string, how external.Push, documents ...string) external.Outcome {
	b.Helper()
	outcome, err := b.store.Push(b.Context(), wiki, source, []byte(strings.Join(documents, "\n")), how)
	require.NoError(b, err)
	return outcome
}

// page is a document of the wiki. more are further fields.
func page(id, title, text, more string) string {
	return fmt.Sprintf(`{"id":%q,"title":%q,"text":%q,"location":"https://wiki.example.com/%s"%s}`, id, title, text, id, more)
}

// find are the titles of what a person finds, by types.
func (b *bench) find(decider policy.Decider, principal identity.Principal, text string, types ...string) map[string][]string {
	b.Helper()
	service := search.New(search.ServiceOptions{Pool: b.pool, Decider: decider, Sources: b.with(decider).Sources()})
	answer, err := service.Search(b.Context(), principal, search.Ask{Text: text, Types: types, Limit: 10})
	require.NoError(b, err)
	require.Empty(b, answer.Problems)
	found := map[string][]string{}
	for _, group := range answer.Groups {
		require.Equal(b, len(group.Results), group.Count)
		for _, result := range group.Results {
			var document struct{ Title string }
			require.NoError(b, json.Unmarshal(result.Document, &document))
			found[group.Type] = append(found[group.Type], document.Title)
		}
	}
	return found
}

func (b *bench) audited(action audit.Action) (count int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(b.Context(), "select count(*) from audit_events where action = $1 and outcome = 'done'", action).Scan(&count))
	return count
}

func TestWhatIsPushedIsFound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	outcome := b.push("wiki", external.Push{}, page("1", "On-call handbook", "Whoever is on call restarts the payment gateway", `,"tags":["howto"],"owner":"payments"`),
		page("2", "PaymentGateway", "The <b>old</b> one", ""), page("3", "Holidays", "When we are closed", `,"type":"policy"`))
	require.Equal(t, external.Outcome{Received: 3, Written: 3, Documents: 3}, outcome)
	for text, expected := range map[string][]string{
		"payment gateway":  {"PaymentGateway", "On-call handbook"},
		"paymentgat":       {"PaymentGateway"},
		"gateways":         {"On-call handbook", "PaymentGateway"},
		`"on call"`:        {"On-call handbook"},
		"tag:howto":        {"On-call handbook"},
		"call owner:me":    {"On-call handbook"},
		"type:policy":      {"Holidays"},
		"closed tag:howto": nil,
		"kind:component":   nil,
	} {
		require.ElementsMatch(t, expected, b.find(policy.AllowKnown{}, ann, text)["source:wiki"], text)
	}
	require.Equal(t, "PaymentGateway", b.find(policy.AllowKnown{}, ann, "payment gateway")["source:wiki"][0], "its title is what was typed")
	require.Empty(t, b.find(policy.AllowKnown{}, ann, "gateway", search.TypeCatalog))
	require.Len(t, b.find(policy.AllowKnown{}, ann, "gateway", "source:wiki"), 1)
	service := search.New(search.ServiceOptions{Pool: b.pool, Decider: policy.AllowKnown{}, Sources: b.store.Sources()})
	_, err := service.Search(t.Context(), bob, search.Ask{Text: "gateway", Types: []string{"source:secret"}, Limit: 1})
	require.ErrorContains(t, err, "There is no type", "a source that is not for this person looks like one that does not exist")
	answer, err := service.Search(t.Context(), bob, search.Ask{Text: "payment", Types: []string{"source:wiki"}, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "The wiki", answer.Groups[0].Title)
	require.Equal(t, 2, answer.Groups[0].Count)
	require.Len(t, answer.Groups[0].Results, 1)
	require.JSONEq(t, `{"title":"PaymentGateway","text":"The <b>old</b> one","location":"https://wiki.example.com/2","documentType":"page","source":"wiki"}`,
		string(answer.Groups[0].Results[0].Document))
	for _, hostile := range []string{"'", `a'b:*|!(&<->`, "\x00", "the", `\`, "((", `"`, "\xff", "owner:'", "tag:\"a b\""} {
		b.find(policy.AllowKnown{}, ann, hostile)
	}
}

// TestFacetsCountWhatIsPushed: with what the index has.
func TestFacetsCountWhatIsPushed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.push("wiki", external.Push{}, page("1", "Lighthouse", "of the coast", `,"type":"runbook","tags":["night"],"owner":"group:default/payments"`),
		page("2", "Lighthouse keeper", "at home", `,"tags":["night","day"]`), page("3", "Harbour", "of the coast", ""))
	b.push("wiki", external.Push{}, page("4", "Lighthouse", "for others", `,"tags":["hidden"],"authorization":{"readers":["group:default/others"]}`))
	store := b.with(policy.AllowKnown{})
	service := search.New(search.ServiceOptions{Pool: b.pool, Decider: policy.AllowKnown{}, Sources: store.Sources()})
	shown := func(text string, types ...string) map[string][]search.FacetCount {
		found, err := service.Facets(t.Context(), ann, search.Ask{Text: text, Types: types})
		require.NoError(t, err)
		facets := map[string][]search.FacetCount{}
		for _, facet := range found {
			require.False(t, facet.IsMore)
			facets[facet.Field] = facet.Values
		}
		return facets
	}
	require.Equal(t, map[string][]search.FacetCount{
		"type":  {{Field: "type", Value: "page", Count: 1}, {Field: "type", Value: "runbook", Count: 1}},
		"tag":   {{Field: "tag", Value: "night", Count: 2}, {Field: "tag", Value: "day", Count: 1}},
		"owner": {{Field: "owner", Value: "group:default/payments", Count: 1}},
	}, shown("lighthouse"))
	require.Equal(t, []search.FacetCount{{Field: "type", Value: "runbook", IsChosen: true, Count: 1}, {Field: "type", Value: "page", Count: 1}},
		shown("lighthouse type:runbook", "source:wiki")["type"])
	require.Empty(t, shown("lighthouse", search.TypeDocs))
}

func TestADocumentIsFoundByThoseWhoMay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, owner := range []string{"payments", "others"} {
		id := uuid.New()
		_, err := b.pool.Exec(t.Context(), `insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, $2, '', $3)`, id, "component:default/of-"+owner,
			fmt.Sprintf(`{"kind":"Component","metadata":{"name":"of-%s"},"relations":[{"type":"ownedBy","targetRef":"group:default/%s"}]}`, owner, owner))
		require.NoError(t, err)
		_, err = b.pool.Exec(t.Context(), `insert into catalog_search (entity_id, kind, key, value, original_value) values ($1, 'component', 'relations.ownedby', $2, $2)`, id, "group:default/"+owner)
		require.NoError(t, err)
	}
	b.push("wiki", external.Push{}, page("1", "A open", "", ""),
		page("2", "A of payments", "", `,"authorization":{"resourceRef":"component:of-payments"}`),
		page("3", "A of others", "", `,"authorization":{"resourceRef":"component:of-others"}`),
		page("4", "A of nothing", "", `,"authorization":{"resourceRef":"component:gone"}`),
		page("5", "A for payments", "", `,"authorization":{"readers":["payments"]}`),
		page("6", "A for bob", "", `,"authorization":{"readers":["user:bob","elsewhere"]}`),
		page("7", "A for bob of others", "", `,"authorization":{"resourceRef":"component:of-others","readers":["user:bob"]}`))
	b.push("secret", external.Push{}, page("1", "A secret", "", ""))
	nothing, owned := policytest.Table{policy.CatalogEntityRead: policytest.Deny}, policytest.Table{policy.CatalogEntityRead: policytest.Owned}
	for name, of := range map[string]struct {
		decider   policy.Decider
		principal identity.Principal
		expected  []string
	}{
		"ann, everything":     {policy.AllowKnown{}, ann, []string{"A open", "A of payments", "A of others", "A for payments", "A secret"}},
		"ann, her own":        {owned, ann, []string{"A open", "A of payments", "A for payments", "A secret"}},
		"ann, no entity":      {nothing, ann, []string{"A open", "A for payments", "A secret"}},
		"bob, everything":     {policy.AllowKnown{}, bob, []string{"A open", "A of payments", "A of others", "A for bob", "A for bob of others"}},
		"bob, his own":        {owned, bob, []string{"A open", "A for bob"}},
		"a service":           {policy.AllowKnown{}, wiki, []string{"A open", "A of payments", "A of others"}},
		"nobody, no entities": {nothing, identity.Principal{Kind: identity.KindUser}, []string{"A open"}},
	} {
		var all []string
		for _, titles := range b.find(of.decider, of.principal, "a") {
			all = append(all, titles...)
		}
		require.ElementsMatch(t, of.expected, all, name)
	}
}

func TestAnOlderPushNeverReplacesANewer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	version := func(n int, title string) string { return page("1", title, "", fmt.Sprintf(`,"version":%d`, n)) }
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(5, "five")).Written)
	require.Equal(t, external.Outcome{Received: 1, Unchanged: 1, Documents: 1}, b.push("wiki", external.Push{}, version(5, "five")), "a repeated push")
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(4, "four")).Outdated)
	require.Equal(t, 1, b.push("wiki", external.Push{}, page("1", "none", "", "")).Outdated, "a document without a version is older than every version")
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(6, "five")).Unchanged)
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(5, "again")).Outdated, "the version counts when the content is the same")
	require.Equal(t, []string{"five"}, b.find(policy.AllowKnown{}, ann, "five")["source:wiki"])

	remove := func(id string, version int64) external.Outcome {
		outcome, err := b.store.Delete(t.Context(), wiki, "wiki", []string{id}, &version)
		require.NoError(t, err)
		return outcome
	}
	require.Equal(t, external.Outcome{Documents: 1}, remove("1", 5), "there is a newer one")
	require.Equal(t, external.Outcome{Removed: 1}, remove("1", 6))
	require.Equal(t, 0, remove("1", 6).Removed)
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(6, "late")).Outdated, "it was deleted")
	require.Empty(t, b.find(policy.AllowKnown{}, ann, "late"))
	require.Equal(t, 0, remove("2", 3).Removed)
	require.Equal(t, 1, b.push("wiki", external.Push{}, page("2", "two", "", `,"version":2`)).Outdated, "its deletion came first")
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(7, "seven")).Written)
	outcome, err := b.store.Delete(t.Context(), wiki, "wiki", []string{"1", "nothing"}, nil)
	require.NoError(t, err)
	require.Equal(t, external.Outcome{Removed: 1}, outcome)
	require.Equal(t, 1, b.push("wiki", external.Push{}, version(1, "anew")).Written, "a deletion without a version is not remembered")
	require.Equal(t, 3, b.audited(audit.SearchPush), "pushes that changed something")
	require.Equal(t, 2, b.audited(audit.SearchDelete))
}

func TestAFullPushReplacesWhenItIsComplete(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	titles := func() []string { return b.find(policy.AllowKnown{}, ann, "type:page")["source:wiki"] }
	b.push("wiki", external.Push{}, page("1", "One", "", ""), page("2", "Two", "", ""), page("3", "Three", "", ""))
	b.push("wiki", external.Push{Generation: "a"}, page("1", "One", "", ""))
	b.push("wiki", external.Push{}, page("4", "Four", "meanwhile", ""))
	b.push("wiki", external.Push{Generation: "a"}, page("2", "Two changed", "", ""))
	require.ElementsMatch(t, []string{"One", "Two changed", "Three", "Four"}, titles(), "nothing is deleted before the end")
	outcome := b.push("wiki", external.Push{Generation: "a", IsComplete: true}, page("5", "Five", "", ""))
	require.Equal(t, external.Outcome{Received: 1, Written: 1, Removed: 1, Documents: 4}, outcome)
	require.ElementsMatch(t, []string{"One", "Two changed", "Four", "Five"}, titles(), "what was pushed meanwhile stays")
	require.Equal(t, external.Outcome{Documents: 4}, b.push("wiki", external.Push{Generation: "a", IsComplete: true}), "repeated")

	b.push("wiki", external.Push{}, page("4", "Four newer", "", `,"version":9`))
	outcome = b.push("wiki", external.Push{Generation: "late", IsComplete: true}, page("1", "One", "", ""), page("4", "Four older", "", `,"version":8`))
	require.Equal(t, external.Outcome{Received: 2, Unchanged: 1, Outdated: 1, Removed: 2, Documents: 2}, outcome)
	require.ElementsMatch(t, []string{"One", "Four newer"}, titles(), "a document of which the full push has an older version is part of it")

	for how, says := range map[external.Push]string{
		{Generation: "a"}:                       `The full push "a" was completed`,
		{IsComplete: true}:                      "complete needs replace",
		{Generation: strings.Repeat("x", 101)}:  "101 bytes",
		{Generation: "empty", IsComplete: true}: "",
	} {
		_, err := b.store.Push(t.Context(), wiki, "wiki", []byte(page("6", "Six", "", "")), how)
		if says != "" {
			require.ErrorContains(t, err, says)
		}
	}
	_, err := b.store.Push(t.Context(), wiki, "wiki", nil, external.Push{Generation: "nothing", IsComplete: true})
	require.ErrorContains(t, err, "completing it would delete everything")
	_, err = b.store.Push(t.Context(), wiki, "wiki", nil, external.Push{})
	require.ErrorContains(t, err, "no document in the body")
	require.Equal(t, []string{"Six"}, titles(), "what was refused changed nothing")
}

func TestWhoMayPush(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	document := []byte(page("1", "One", "", ""))
	for name, of := range map[string]struct {
		principal identity.Principal
		source    string
		kind      fault.Kind
	}{
		"a service":                      {wiki, "wiki", ""},
		"a person without a role":        {ann, "wiki", fault.NotAllowed},
		"nobody":                         {identity.Principal{}, "wiki", fault.NotAllowed},
		"a service that is named":        {wiki, "secret", ""},
		"another service":                {identity.Principal{Kind: identity.KindService, Subject: "external:other"}, "secret", fault.NotAllowed},
		"a source that does not exist":   {wiki, "none", fault.NotFound},
		"a source that is asked":         {wiki, "live", fault.Conflict},
		"a token for reading the search": {identity.Principal{Kind: identity.KindService, Subject: "external:wiki", Restrictions: []identity.Restriction{{Plugin: "portico", Permissions: []string{"portico.search.source.read"}}}}, "wiki", fault.NotAllowed},
		"a token for pushing":            {identity.Principal{Kind: identity.KindService, Subject: "external:wiki", Restrictions: []identity.Restriction{{Plugin: "portico", Permissions: []string{"portico.search.source.update"}}}}, "wiki", ""},
	} {
		_, err := b.store.Push(t.Context(), of.principal, of.source, document, external.Push{})
		require.Equal(t, of.kind, fault.KindOf(err), "%s: %v", name, err)
		_, err = b.store.Delete(t.Context(), of.principal, of.source, []string{"1"}, nil)
		require.Equal(t, of.kind, fault.KindOf(err), "%s: %v", name, err)
	}
	_, err := b.store.Push(t.Context(), wiki, "secret", []byte(page("1", "1", "", "")+"\n"+page("2", "2", "", "")+"\n"+page("3", "3", "", "")+"\n"+page("4", "4", "", "")), external.Push{})
	require.ErrorContains(t, err, "would have 4 documents, and 3 at most are stored: raise portico.search.sources.secret.maxDocuments")
	require.Empty(t, b.find(policy.AllowKnown{}, ann, "type:page"))
}

func TestSourcesAreListedAndForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.push("wiki", external.Push{Generation: "a"}, page("1", "One", "", ""), page("2", "Two", "", ""))
	b.push("secret", external.Push{}, page("1", "One", "", ""))
	_, err := b.pool.Exec(t.Context(), "insert into search_pushes values ('old', now(), 'external:old')")
	require.NoError(t, err)
	list, err := b.store.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list, 4)
	require.Equal(t, 2, list[0].Pushed.Documents)
	require.Equal(t, "external:wiki", list[0].Pushed.By)
	require.Equal(t, "a", list[0].Pushed.Incomplete)
	require.Nil(t, list[2].Pushed)
	require.False(t, list[3].IsConfigured)
	list, err = b.with(policytest.Table{policy.SearchSourceRead: policytest.Deny}).List(t.Context(), bob)
	require.NoError(t, err)
	require.Len(t, list, 2, "without the permission: the sources that bob may read, and nothing about them")
	require.Nil(t, list[0].Pushed)

	require.NoError(t, b.store.DeleteOld(t.Context(), time.Now().Add(59*time.Minute)))
	require.Len(t, b.find(policy.AllowKnown{}, ann, "one"), 2)
	require.NoError(t, b.store.DeleteOld(t.Context(), time.Now().Add(61*time.Minute)))
	require.Equal(t, map[string][]string{"source:secret": {"One"}}, b.find(policy.AllowKnown{}, ann, "one"), "only one of them has a retention")
	outcome, err := b.store.DeleteAll(t.Context(), wiki, "secret")
	require.NoError(t, err)
	require.Equal(t, external.Outcome{Removed: 1}, outcome)
	_, err = b.store.DeleteAll(t.Context(), ann, "old")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = b.store.DeleteAll(t.Context(), wiki, "old")
	require.NoError(t, err)
	list, err = b.store.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list, 3)
}

// TestPushesOfOneSourceAtATime pushes the same documents from many sides: the newest version is what stays.
func TestPushesOfOneSourceAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const pushers = 8
	failed := make(chan error, pushers)
	for n := range pushers {
		go func() {
			var documents []string
			for id := range 20 {
				// Each in another order.
				documents = append(documents, page(fmt.Sprint((id*7+n)%20), fmt.Sprintf("version%d", n), "", fmt.Sprintf(`,"version":%d`, n)))
			}
			_, err := b.store.Push(context.WithoutCancel(t.Context()), wiki, "wiki", []byte(strings.Join(documents, "\n")), external.Push{})
			failed <- err
		}()
	}
	for range pushers {
		require.NoError(t, <-failed)
	}
	var newest int
	require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from search_pushed where version = $1 and document ->> 'title' = 'version7'", pushers-1).Scan(&newest))
	require.Equal(t, 20, newest)
}

// asked is a source that is asked, and counts how often.
type asked struct {
	search.AboutSource

	times *int
	fails error
}

func (a asked) About() search.AboutSource { return a.AboutSource }

func (a asked) Find(context.Context, search.SourceAsk) (search.Hits, error) {
	*a.times++
	return search.Hits{Documents: []json.RawMessage{[]byte(`{"title":"Far away","text":"","location":"https://far.example.com"}`)}, Count: 1}, a.fails
}

func TestAnotherServerIsAskedOnceAndByNameOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.push("wiki", external.Push{}, page("1", "Harbour", "", ""))
	live := search.AboutSource{Name: "live", Title: "Live", IsLive: true}
	times := 0
	ask := func(fails error, text string, types ...string) search.Answer {
		times = 0
		service := search.New(search.ServiceOptions{Pool: b.pool, Decider: policy.AllowKnown{}, Sources: append(b.store.Sources(), asked{live, &times, fails})})
		answer, err := service.Search(t.Context(), ann, search.Ask{Text: text, Types: types, Limit: 5})
		require.NoError(t, err)
		return answer
	}
	require.Len(t, ask(nil, "harbour").Groups, 1)
	require.Zero(t, times)
	answer := ask(nil, "harbor", "source:live", "source:wiki", search.TypeCatalog)
	require.Equal(t, "source:live", answer.Groups[0].Type)
	require.Equal(t, 1, times, "not again for what was probably meant")
	answer = ask(fault.New(fault.Unavailable, "It is busy"), "harbour", "source:live", "source:wiki")
	require.Equal(t, []search.Problem{{Type: "source:live", Title: "Live", Message: "It is busy"}}, answer.Problems)
	require.Len(t, answer.Groups, 1, "nothing else fails because of it")
	answer = ask(errors.New("dial 10.0.0.1"), "harbour", "source:live")
	require.Equal(t, "The server's log says why", answer.Problems[0].Message)
}
