package search_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
)

func TestQueriesAreTakenApart(t *testing.T) {
	t.Parallel()
	q, err := search.Parse(`CheckoutApi kind:API "send  back" owner:me Owner:"group:default/Team A" foo:bar kind: lang:go`)
	require.NoError(t, err)
	require.Equal(t, []search.Word{{Joined: "checkoutapi", Parts: []string{"checkout", "api"}}, {Joined: "foo", Parts: []string{"foo"}}, {Joined: "bar", Parts: []string{"bar"}},
		{Joined: "kind", Parts: []string{"kind"}}}, q.Words)
	require.Equal(t, []string{"send back"}, q.Phrases)
	require.Equal(t, map[string][]string{"kind": {"api"}, "owner": {"me", "group:default/team a"}, "lang": {"go"}}, q.Fields)

	for _, nothing := range []string{"", " \t", `""`, "- & | ! ( ) : *", "\x00"} {
		q, err := search.Parse(nothing)
		require.NoError(t, err)
		require.True(t, q.IsEmpty(), nothing)
	}
	_, err = search.Parse(strings.Repeat("x", search.MaxQuery+1))
	require.ErrorContains(t, err, "shorten it")
}

// hostile are queries that would be errors of PostgreSQL if they were passed on as they are.
var hostile = []string{"'", `\`, "a'b:*|!(&<->", "((((", "!!!", ":*", "a:b:c", `"unclosed`, `kind:"`, "the", "the a of", "\x00", "\xff\xfe", "ö'ü\\", "%%%_", "x*y?[z]", `(?i).*`, "owner:", "state:failed",
	"kind:component", "<2>", "a <-> b", "𝔘𝔫𝔦", "ﷺ", "e\u0301", strings.Repeat("ab ", 300), strings.Repeat("a", 900), "日本語", "1.2.3.4", "user@example.com", "http://x.example/?a=b&c=d#e"}

func TestHostileQueriesFindNothingAndFailNever(t *testing.T) {
	t.Parallel()
	b := newRelevanceBench(t)
	service := b.service(policy.AllowKnown{})
	for _, text := range hostile {
		_, err := service.Search(t.Context(), ann, search.Ask{Text: text, Limit: 5})
		require.NoError(t, err, text)
		_, err = service.Query(t.Context(), ann, search.Request{Term: text[:min(len(text), 100)], Filters: map[string][]string{text: {text}}})
		require.NoError(t, err, text)
	}
	answer, err := service.Search(t.Context(), ann, search.Ask{Text: " ", Limit: 5})
	require.NoError(t, err)
	require.Empty(t, answer.Groups)
	require.NotEmpty(t, answer.Reason)
}

func FuzzParse(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := search.Parse(text)
		if err != nil {
			require.Greater(t, len(text), search.MaxQuery)
			return
		}
		for _, word := range q.Words {
			require.NotEmpty(t, word.Parts)
			require.NotContains(t, word.Joined+strings.Join(word.Parts, ""), "'", text)
			require.False(t, strings.ContainsAny(word.Joined, "\x00\\&|!()<>:* "), "%q of %q", word.Joined, text)
		}
	})
}

func TestWhatIsNotFoundIsCounted(t *testing.T) {
	t.Parallel()
	b := newRelevanceBench(t)
	service := b.service(policy.AllowKnown{})
	for _, ask := range []search.Ask{{Text: "holiday planner"}, {Text: "Holiday  planner"}, {Text: "holidays", IsTyping: true}, {Text: "qwrtz p4ssw0rd"}, {Text: "checkout"}} {
		ask.Limit = 5
		_, err := service.Search(t.Context(), ann, ask)
		require.NoError(t, err)
	}
	misses, err := service.Misses(t.Context(), ann, time.Now().AddDate(0, 0, -1), 10)
	require.NoError(t, err)
	require.Len(t, misses, 1)
	require.Equal(t, "holiday planner", misses[0].Words)
	require.EqualValues(t, 2, misses[0].Times)
}
