package query_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
)

func TestParseSets(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		parameters []string
		want       query.Filter
	}{
		"nothing":                     {nil, nil},
		"only separators":             {[]string{" , ,"}, nil},
		"a key that exists":           {[]string{"metadata.tags"}, query.All{query.Exists{Key: "metadata.tags"}}},
		"an empty value":              {[]string{"a="}, query.All{query.Match{Key: "a", Values: []string{""}}}},
		"a value with an equals sign": {[]string{" a = b=c "}, query.All{query.Match{Key: "a", Values: []string{"b=c"}}}},
		"a repeated key": {[]string{"kind=a,x,kind=b"}, query.All{
			query.Match{Key: "kind", Values: []string{"a", "b"}}, query.Exists{Key: "x"}}},
		"values win over existence": {[]string{"kind,kind=a"}, query.All{query.Match{Key: "kind", Values: []string{"a"}}}},
		"two sets": {[]string{"a=1", "b=2"}, query.Any{
			query.All{query.Match{Key: "a", Values: []string{"1"}}}, query.All{query.Match{Key: "b", Values: []string{"2"}}}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := query.ParseSets(c.parameters)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := query.ParseSets([]string{"=x"})
	require.EqualError(t, err, "Invalid filter, '=x' is not a valid statement (expected a string on the form a=b or a= or a)")
	require.Equal(t, fault.Input, fault.KindOf(err))
}

func TestParsePredicate(t *testing.T) {
	t.Parallel()
	cases := map[string]query.Filter{
		`{}`:                           query.All(nil),
		`{"kind":"component","n":1.5}`: query.All{query.Match{Key: "kind", Values: []string{"component"}}, query.Match{Key: "n", Values: []string{"1.5"}}},
		`{"a":{"$exists":true}}`:       query.All{query.Exists{Key: "a"}},
		`{"a":{"$exists":false}}`:      query.All{query.Not{Filter: query.Exists{Key: "a"}}},
		`{"a":{"$in":["x",true]}}`:     query.All{query.Match{Key: "a", Values: []string{"x", "true"}}},
		`{"a":{"$hasPrefix":"x"}}`:     query.All{query.Prefix{Key: "a", Prefix: "x"}},
		`{"a":{"$contains":"x"}}`:      query.All{query.Match{Key: "a", Values: []string{"x"}}},
		`{"relations":{"$contains":{"type":"ownedBy","targetRef":"group:default/x"}}}`: query.All{
			query.Match{Key: "relations.ownedBy", Values: []string{"group:default/x"}}},
		`{"relations":{"$contains":{"type":"ownedBy","targetRef":{"$in":["a","b"]}}}}`: query.All{
			query.Match{Key: "relations.ownedBy", Values: []string{"a", "b"}}},
		`{"relations":{"$contains":{"type":"ownedBy"}}}`: query.All{query.Exists{Key: "relations.ownedBy"}},
		`{"$all":[]}`:               query.All{},
		`{"$any":[{"a":"1"}]}`:      query.Any{query.All{query.Match{Key: "a", Values: []string{"1"}}}},
		`{"$not":{"kind":"group"}}`: query.Not{Filter: query.All{query.Match{Key: "kind", Values: []string{"group"}}}},
	}
	for document, want := range cases {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			got, err := query.ParsePredicate(json.RawMessage(document))
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParsePredicateReturnsBackstagesErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		// As Backstage's validator was seen to put it.
		`{"kind":{"$wat":1}}`: `Invalid query: Validation error: Expected string, received object at "kind", or Expected number, ` +
			`received object at "kind", or Expected boolean, received object at "kind", or Required at "kind.$exists", or Required at ` +
			`"kind.$in", or Required at "kind.$contains", or Required at "kind.$hasPrefix", or Invalid at "kind"; Expected never, received ` +
			`object at "kind", or Expected string, received object, or Expected number, received object, or Expected boolean, received ` +
			`object, or Required at "$all"; Unrecognized key(s) in object: 'kind', or Required at "$any"; Unrecognized key(s) in object: ` +
			`'kind', or Required at "$not"; Unrecognized key(s) in object: 'kind'`,
		`{"relations":{"$contains":{"targetRef":"x"}}}`:                           `The $contains operator for "relations" requires a "type" string property`,
		`{"relations":{"$contains":{"type":"ownedBy","targetRef":{"$in":[]}}}}`:   `Empty "$in" array for $contains on "relations" is not allowed`,
		`{"metadata.links":{"$contains":{"url":"x"}}}`:                            `Object form of $contains is not supported for field "metadata.links"`,
		`{"relations":{"$contains":{"type":"ownedBy","targetRef":"x","to":"y"}}}`: `Unsupported key "to" in $contains for "relations". Only "type" and "targetRef" are supported`,
	}
	for document, want := range cases {
		_, err := query.ParsePredicate(json.RawMessage(document))
		require.EqualError(t, err, want)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
	for _, document := range []string{`[]`, `{"$all":[],"kind":"x"}`, `{"$all":{}}`, `{"$any":[null]}`, `{"a":null}`, `{"a":[1]}`,
		`{"a":{"$in":[{}]}}`, `{"$wat":1}`, strings.Repeat(`{"$not":`, 50) + `{}` + strings.Repeat(`}`, 50)} {
		_, err := query.ParsePredicate(json.RawMessage(document))
		require.ErrorContains(t, err, "Invalid query: ", document)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	filter, err := query.ParseSets([]string{"kind=component,metadata.tags", "kind=api"})
	require.NoError(t, err)
	cursor, err := query.NewCursor(filter, query.FullText{Term: "pet"}, []query.CursorOrder{{Field: "metadata.name", Order: "desc"}})
	require.NoError(t, err)
	uid := uuid.NewString()
	cursor.OrderFieldValues = []string{"petstore", uid}
	encoded, err := cursor.Encode()
	require.NoError(t, err)

	decoded, err := query.DecodeCursor(encoded)
	require.NoError(t, err)
	require.Equal(t, cursor, decoded)
	page, err := decoded.Page(7)
	require.NoError(t, err)
	require.Equal(t, &query.Order{Key: "metadata.name", Descending: true}, page.Order)
	require.Equal(t, uid, page.After.UID.String())
	require.Equal(t, "petstore", *page.After.Value)
	require.Equal(t, 7, page.Limit)

	plain, err := query.NewCursor(nil, query.FullText{}, nil)
	require.NoError(t, err)
	plain.OrderFieldValues = []string{uid}
	encoded, err = plain.Encode()
	require.NoError(t, err)
	document, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	require.Equal(t, `{"orderFields":[],"isPrevious":false,"fullTextFilter":{"term":""},"orderFieldValues":["`+uid+`"]}`, string(document))
}

func TestMalformedCursors(t *testing.T) {
	t.Parallel()
	encode := base64.StdEncoding.EncodeToString
	cases := map[string]string{
		"zzz":                   "Malformed cursor: SyntaxError: Unexpected token '\uFFFD', \"\uFFFD<\" is not valid JSON",
		"":                      "Malformed cursor: SyntaxError: Unexpected end of JSON input",
		encode([]byte(`{"a":`)): "Malformed cursor: SyntaxError: Unexpected end of JSON input",
		encode([]byte(`{"abc":1,"d":2,"efg":x3,"h":4,"ijk":5}`)): `Malformed cursor: SyntaxError: Unexpected token 'x', ..."":2,"efg":x3,"h":4,""... is not valid JSON`,
		encode([]byte(`[]`)):                         "Malformed cursor: it is not one that this server gave out",
		encode([]byte(`{"orderFieldValues":["x"]}`)): "Malformed cursor: its position does not fit its order",
		encode([]byte(`{"orderFields":[{"field":"a"}],"orderFieldValues":["` + uuid.NewString() + `"]}`)): "Malformed cursor: its position does not fit its order",
	}
	for encoded, want := range cases {
		_, err := query.DecodeCursor(encoded)
		require.EqualError(t, err, want)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
	for _, encoded := range []string{"zzz", "", encode([]byte(`{"limit":-1}`)), encode([]byte(`{"limit":"1"}`))} {
		_, err := query.DecodeAfter(encoded)
		require.EqualError(t, err, "Malformed after cursor, could not be parsed")
	}
}

func TestProject(t *testing.T) {
	t.Parallel()
	const document = `{"metadata":{"name":"x","annotations":{"backstage.io/orphan":"true","a.b":{"c.d":1}},"tags":["b","a"]},"kind":"K","spec":{"z":1,"a":2}}`
	cases := map[string]string{
		"kind,metadata.name":                       `{"kind":"K","metadata":{"name":"x"}}`,
		"metadata.annotations.backstage.io/orphan": `{"metadata":{"annotations":{"backstage.io/orphan":"true"}}}`,
		"metadata.annotations.a.b.c.d":             `{"metadata":{"annotations":{"a.b":{"c.d":1}}}}`,
		"spec":                                     `{"spec":{"z":1,"a":2}}`,
		"spec.a,spec.z":                            `{"spec":{"a":2,"z":1}}`,
		"spec.a,spec":                              `{"spec":{"z":1,"a":2}}`,
		"spec,spec.a":                              `{"spec":{"z":1,"a":2}}`,
		"metadata.tags":                            `{"metadata":{"tags":["b","a"]}}`,
		"nope,metadata.nope,kind.x,metadata.tags.b,METADATA": `{}`,
	}
	for paths, want := range cases {
		fields, err := query.ParseFields(strings.Split(paths, ","))
		require.NoError(t, err)
		got, err := fields.Project(json.RawMessage(document))
		require.NoError(t, err)
		require.Equal(t, want, string(got), paths)
	}
	_, err := query.ParseFields([]string{"metadata.tags[0]"})
	require.EqualError(t, err, `Invalid field "metadata.tags[0]", array type fields are not supported`)
	whole, err := query.Fields(nil).Project(json.RawMessage(document))
	require.NoError(t, err)
	require.JSONEq(t, document, string(whole))
}

// FuzzStatements checks that callers' values never become SQL.
func FuzzStatements(f *testing.F) {
	f.Add("kind=component,a", `{"$any":[{"kind":"x"},{"$not":{"a":{"$hasPrefix":"y"}}}]}`, "metadata.name", "term")
	f.Add("'; drop table runs; --=x", `{"a'b":{"$in":["$1"]}}`, `a"b`, `%\`)
	vocabulary := regexp.MustCompile(`^[a-z_0-9 ().,*$<>=:]*$`)
	constants := regexp.MustCompile(`'metadata.name'|'metadata.title'|'metadata.description'|E'metadata.(title|description)\\x1f'|'spec.profile.displayname'`)
	f.Fuzz(func(t *testing.T, set, predicate, order, term string) {
		filter, err := query.ParseSets([]string{set, "kind=api"})
		if err != nil {
			return
		}
		more, err := query.ParsePredicate(json.RawMessage(predicate))
		if err != nil {
			return
		}
		page := query.Page{Filter: query.And(filter, more), Order: &query.Order{Key: order}, FullText: query.FullText{Term: term}, Limit: 1}
		list := query.List{Filter: page.Filter, Orders: []query.Order{{Key: order}}}
		for _, statement := range []query.Statement{page.Select(everything), page.Count(everything), list.Select(everything),
			query.Facets(everything, []string{order}, page.Filter), query.ByRefs(everything, []string{term}, page.Filter)} {
			require.Regexp(t, vocabulary, constants.ReplaceAllString(statement.SQL, ""))
		}
	})
}

// testdata/predicates.json has the messages of Backstage's validator.
func TestPredicatesAreRefusedInTheWordsOfBackstage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/predicates.json")
	require.NoError(t, err)
	var cases []struct {
		Query   json.RawMessage
		Message string
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for _, each := range cases {
		_, err := query.ParsePredicate(each.Query)
		isPredicate := err == nil || !strings.Contains(err.Error(), "Validation error")
		if each.Message == "" || string(each.Query) == "null" { // null is no predicate at all, where a client may leave it out
			require.True(t, isPredicate, "%s: %v", each.Query, err)
			continue
		}
		require.EqualError(t, err, "Invalid query: "+each.Message, "%s", each.Query)
	}
}
