package search_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/techdocs"
)

var ann = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ann", Ownership: []string{"user:default/ann", "group:default/payments"}}

func (b *bench) service(decider policy.Decider) *search.Service {
	return search.New(search.ServiceOptions{Pool: b.pool, Decider: decider})
}

// component is a component that a group owns.
func component(name, title, text, owner string) string {
	return fmt.Sprintf(`{"kind":"Component","metadata":{"name":%q,"title":%q,"description":%q},"spec":{"type":"service","owner":%q},
		"relations":[{"type":"ownedBy","targetRef":"group:default/%s"}]}`, name, title, text, owner, owner)
}

func titlesOf(t *testing.T, results []search.Result) (titles []string) {
	t.Helper()
	for _, result := range results {
		var document struct{ Title string }
		require.NoError(t, json.Unmarshal(result.Document, &document))
		titles = append(titles, document.Title)
	}
	return titles
}

func TestQueriesFindWhatBackstageFinds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(component("petstore-service", "", "Backend of the pet store", "payments"))
	b.serve(component("petstore-web", "Pet Store Web", "The storefront, a Café for pets & owners", "others"))
	b.serve(component("unsafe", "Unsafe", "", "others"))
	b.catchUp()
	b.replaceDocs("component:default/petstore-web", techdocs.Section{Title: "Home", Text: "Hello docs about hamsters"})
	service := b.service(policy.AllowKnown{})
	find := func(r search.Request) search.ResultSet {
		set, err := service.Query(t.Context(), ann, r)
		require.NoError(t, err)
		return set
	}
	set := find(search.Request{Term: "petstore"})
	require.ElementsMatch(t, []string{"petstore-service", "Home"}, titlesOf(t, set.Results), "the name of a site counts, that of an entity with a title does not")
	require.Equal(t, 2, set.NumberOfResults)
	set = find(search.Request{Term: "petstore", Types: []string{search.TypeCatalog}})
	require.JSONEq(t, `{"kind":"Component","text":"Backend of the pet store","type":"service","owner":"payments","title":"petstore-service",
		"location":"/catalog/default/component/petstore-service","lifecycle":"","namespace":"default","componentType":"service"}`, string(set.Results[0].Document))
	highlight := set.Results[0].Highlight
	require.Equal(t, highlight.PreTag+"petstore"+highlight.PostTag+"-service", highlight.Fields["title"])
	require.Empty(t, highlight.Fields["path"])

	require.Equal(t, []string{"Pet Store Web"}, titlesOf(t, find(search.Request{Term: "storefr"}).Results), "the beginning of a word")
	require.Len(t, find(search.Request{Filters: map[string][]string{"kind": {"Component", "API"}}}).Results, 3)
	require.Empty(t, find(search.Request{Filters: map[string][]string{"kind": {"COMPONENT"}}}).Results, "values are compared exactly")
	require.Empty(t, find(search.Request{Filters: map[string][]string{"color": {"red"}}}).Results)
	require.Empty(t, find(search.Request{Term: "zzzzqqq"}).Results)
	require.NotNil(t, find(search.Request{Term: "zzzzqqq"}).Results)
	for _, hostile := range []string{"'", `a'b:*|!(&<->`, "\x00", "the", `\`, "((", "a & b | !c", "<-> <2>", `"`, "ö'ü\\", "\xff"} {
		find(search.Request{Term: hostile})
	}

	twice := find(search.Request{Term: "petstore", Types: []string{search.TypeCatalog, search.TypeCatalog}})
	require.Equal(t, []any{1, 1}, []any{twice.NumberOfResults, len(twice.Results)}, "a type that is asked for twice is found once")

	first := find(search.Request{PageLimit: 1})
	require.Equal(t, 4, first.NumberOfResults)
	require.True(t, first.HasNext)
	last := find(search.Request{PageLimit: 1, Page: 3})
	require.False(t, last.HasNext)
	require.Equal(t, 4, last.Results[0].Rank)
	require.Equal(t, 4, find(search.Request{PageLimit: 1, Page: 9}).NumberOfResults)
}

func TestQueriesFindWhatTheCallerMayRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(component("mine", "", "a service", "payments"))
	b.serve(component("theirs", "", "a service", "others"))
	b.catchUp()
	for _, ref := range []string{"component:default/mine", "component:default/theirs"} {
		b.replaceDocs(ref, techdocs.Section{Title: "Docs of a service", Text: ref})
	}
	for name, of := range map[string]struct {
		decider  policy.Decider
		expected []string
	}{
		"everything":    {policy.AllowKnown{}, []string{"mine", "theirs", "Docs of a service", "Docs of a service"}},
		"nothing":       {policytest.Table{policy.CatalogEntityRead: policytest.Deny}, nil},
		"what they own": {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, []string{"mine", "Docs of a service"}},
	} {
		set, err := b.service(of.decider).Query(t.Context(), ann, search.Request{Term: "service"})
		require.NoError(t, err)
		require.ElementsMatch(t, of.expected, titlesOf(t, set.Results), name)
		require.Equal(t, len(of.expected), set.NumberOfResults, name)
		answer, err := b.service(of.decider).Search(t.Context(), ann, search.Ask{Text: "service", Limit: 5})
		require.NoError(t, err)
		var found []string
		for _, group := range answer.Groups {
			found = append(found, titlesOf(t, group.Results)...)
			require.Equal(t, len(group.Results), group.Count)
		}
		require.ElementsMatch(t, of.expected, found, name)
	}
}

// TestWhatIsMeantDoesNotDependOnWhatIsHidden: a word that only hidden entities have neither is one for the caller, nor keeps another from
// being suggested.
func TestWhatIsMeantDoesNotDependOnWhatIsHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(component("paymentsx", "", "", "payments"))
	b.catchUp()
	mine := policytest.Table{policy.CatalogEntityRead: policytest.Owned}
	ask := func(text string) search.Answer {
		answer, err := b.service(mine).Search(t.Context(), ann, search.Ask{Text: text, Limit: 5})
		require.NoError(t, err)
		answer.TookMS = 0
		for i := range answer.Groups {
			for j := range answer.Groups[i].Results {
				answer.Groups[i].Results[j].Highlight = search.Highlight{} // its tags are others each time
			}
		}
		return answer
	}
	before := map[string]search.Answer{}
	for _, text := range []string{"paymentz", "paymentsz", "yment"} {
		before[text] = ask(text)
		require.NotEmpty(t, before[text].Groups, text)
	}
	for _, hidden := range []string{"paymentz", "paymentsz", "paymentszz", "ayments"} {
		b.serve(component(hidden, "", "", "others"))
	}
	b.catchUp()
	for text, answer := range before {
		require.Equal(t, answer, ask(text), text)
	}
}

// TestPeopleFindASectionOnce: the index of MkDocs has each page as a whole, too, with the marks of links and the numbers of lines.
func TestPeopleFindASectionOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(component("shop", "", "", "payments"))
	b.catchUp()
	b.replaceDocs("component:default/shop",
		techdocs.Section{Title: "Guide", Text: "Guide ¶ Set up the oven 1 2 3 4 oven on", Location: "guide/"},
		techdocs.Section{Title: "Guide ¶", Text: "Set up the oven 1 2 3 4 oven on", Location: "guide/#guide"},
		techdocs.Section{Title: "Short", Text: "An oven for 2 3 people", Location: "short/"})
	service := b.service(policy.AllowKnown{})
	answer, err := service.Search(t.Context(), ann, search.Ask{Text: "oven", Types: []string{search.TypeDocs}, Limit: 10})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"Guide", "Short"}, titlesOf(t, answer.Groups[0].Results))
	require.Contains(t, string(answer.Groups[0].Results[0].Document)+string(answer.Groups[0].Results[1].Document), `"text":"Set up the oven oven on"`)
	set, err := service.Query(t.Context(), ann, search.Request{Term: "oven", Types: []string{search.TypeDocs}})
	require.NoError(t, err)
	require.Len(t, set.Results, 3, "Backstage's clients get what its index has")
}

// TestAProgramDoesNotFillTheMisses: on a day, words are counted up to a number; those that are known are counted on.
func TestAProgramDoesNotFillTheMisses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	service := b.service(policy.AllowKnown{})
	miss := func(text string) {
		_, err := service.Search(t.Context(), ann, search.Ask{Text: text, Limit: 5})
		require.NoError(t, err)
	}
	miss("known")
	_, err := b.pool.Exec(t.Context(), "insert into search_misses (day, words, times) select current_date, 'w' || n, 1 from generate_series(1, 9999) n")
	require.NoError(t, err)
	miss("new")
	miss("known")
	misses, err := service.Misses(t.Context(), ann, time.Now(), 20_000)
	require.NoError(t, err)
	require.Len(t, misses, 10_000)
	require.Equal(t, search.Miss{Words: "known", Times: 2, Latest: misses[0].Latest}, misses[0])
}
