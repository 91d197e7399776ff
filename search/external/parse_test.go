package external_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/search/external"
)

func TestDocumentsAreReadAsLinesAndAsAnArray(t *testing.T) {
	t.Parallel()
	expected := []external.Document{
		{ID: "https://wiki.example.com/1", Title: "One", Text: "first", Location: "https://wiki.example.com/1"},
		{ID: "two", Version: 7, Type: "how-to", Title: "Two", Location: "http://wiki.example.com/2?a=b#c", Tags: []string{"x"}, Owner: "group:default/docs",
			Authorization: &external.Authorization{ResourceRef: "component:default/shop", Readers: []string{"group:default/docs", "user:default/ann"}}},
	}
	one := `{"title":" One ","text":"first","location":"https://wiki.example.com/1"}`
	two := `{"id":"two","version":7,"type":"how-to","title":"Two","location":"http://wiki.example.com/2?a=b#c","tags":["x"],"owner":"Docs",
		"authorization":{"resourceRef":"Component:Shop","readers":["docs","user:ann"]}}`
	twoOnALine := strings.ReplaceAll(two, "\n", "")
	for _, body := range []string{"[" + one + ",\n" + two + "]", one + "\n\n" + twoOnALine + "\n", "\uFEFF" + one + "\r\n" + twoOnALine} {
		documents, err := external.Parse([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, expected, documents, body)
	}
	for _, empty := range []string{"", "[]", "\n \n"} {
		documents, err := external.Parse([]byte(empty))
		require.NoError(t, err)
		require.Empty(t, documents)
	}
}

func TestAPushWithAWrongDocumentIsRefused(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"id":"a","title":"A","location":"https://wiki.example.com/a"` + more + `}`
	}
	for body, says := range map[string]string{
		`{"id":"a","location":"https://a.example.com"}`: "line 1 (a): title is missing",
		`{"title":"A"}`:                       "line 1: id is missing",
		`{"id":"a","title":"A"}`:              "location is missing",
		with("") + "\n" + with(""):            "line 2 (a): it has the id of line 1",
		"[" + with("") + "," + with("") + "]": "document 2 (a): it has the id of document 1",
		"[" + with(""):                        "the array is no JSON after document 1",
		"[" + with("") + "] x":                "the array is no JSON after document 1",
		"{\n" + `"title":"A"}`:                "line 1: the object does not end: write each on one line, or all as a JSON array",
		with("") + with(""):                   "there is something after the object",
		`7`:                                   "it is no JSON object",
		`null`:                                "it is no JSON object",
		with(`,"autorization":{"readers":["docs"]}`):           `unknown field "autorization"`,
		with(`,"version":-1`):                                  "version is -1",
		with(`,"version":1.5`):                                 "cannot unmarshal number 1.5",
		with(`,"text":"a\u0000"`):                              "NUL",
		with(`,"type":"<b>"`):                                  `type is "<b>"`,
		with(`,"tags":[""]`):                                   "a tag has 0 bytes",
		with(`,"owner":":"`):                                   `owner is ":"`,
		with(`,"authorization":{}`):                            "authorization names nobody",
		with(`,"authorization":{"readers":[]}`):                "authorization names nobody",
		with(`,"authorization":{"resourceRef":"shop"}`):        "write it with its kind",
		with(`,"authorization":{"readers":["a:b:"]}`):          "",
		with(`,"title":"` + strings.Repeat("x", 1001) + `"`):   "title has 1001 bytes",
		with(`,"location":"javascript:alert(1)"`):              "location must be an http or https URL",
		with(`,"location":"//evil.example.com"`):               "location must be an http or https URL",
		with(`,"location":"/etc"`):                             "location must be an http or https URL",
		with(`,"location":"https://u:p@a.example.com"`):        "location must not have a user",
		with(`,"location":"https://a.example.com/\"onclick="`): "location must not have spaces",
	} {
		documents, err := external.Parse([]byte(body))
		if says == "" {
			continue
		}
		require.ErrorContains(t, err, says, body)
		require.Equal(t, fault.Input, fault.KindOf(err))
		require.Nil(t, documents)
	}
	var many strings.Builder
	for i := range external.MaxBatch {
		fmt.Fprintf(&many, `{"id":"%d"}`+"\n", i)
	}
	_, err := external.Parse([]byte(many.String()))
	require.ErrorContains(t, err, "2000 of the documents cannot be")
	require.ErrorContains(t, err, "and 1990 more")
	_, err = external.Parse([]byte(many.String() + "{}"))
	require.ErrorContains(t, err, "2000 documents at most")
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "[]", "[", "{", `{"title":"A","location":"https://a.example.com"}`, "[{}]\n[{}]", "\uFEFF[1]",
		`{"title":"A","location":"https://a.example.com","authorization":{"resourceRef":"component:a"}}`, "\u0085", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		documents, err := external.Parse(body)
		if err != nil {
			if fault.KindOf(err) != fault.Input || documents != nil {
				t.Fatalf("%v, with %d documents", err, len(documents))
			}
			return
		}
		seen := map[string]bool{}
		for _, document := range documents {
			isWeb := strings.HasPrefix(strings.ToLower(document.Location), "http://") || strings.HasPrefix(strings.ToLower(document.Location), "https://")
			if document.ID == "" || document.Title == "" || !isWeb || seen[document.ID] {
				t.Fatalf("accepted %+v", document)
			}
			if allowed := document.Authorization; allowed != nil && allowed.ResourceRef == "" && len(allowed.Readers) == 0 {
				t.Fatalf("nobody is named by %+v", document)
			}
			seen[document.ID] = true
		}
	})
}
