package entity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

// documents are JSON of every kind that a document can have, right and wrong.
var documents = []string{
	`{"kind":"Component","metadata":{"name":"a","tags":["x","y"],"labels":{}},"spec":{"n":1,"b":true,"f":false,"z":null,"l":[]}}`,
	`{"b":1,"a":{"d":[{"y":1,"x":2},{"x":3}],"c":"é\n\"\\\u00e9\ud83d\ude00"}}`,
	` { "a" : [ 1 , -2 , 0 , -0 , 1.5 , 1e3 , 1E-7 , 123456789012345678901234567890 ] } `,
	`{"a":1,"b":2,"a":{"c":3}}`,
	"{\"bad\":\"\xff\",\"lone\":\"\\ud800\"}",
	`{"a":01}`, `{"a":1e999}`, `{"a":-}`, `{"a":.5}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":tru}`, `{"a"}`, `{"a":1,}`, `{,}`, `[1,]`, `{"a":1}x`,
	`null`, `[]`, `"text"`, `1`, ``, ` `, "\x00", `{"a":"unfinished`, `{"a":[`, `{"a":"\`,
}

func FuzzDecode(f *testing.F) {
	for _, document := range documents {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var expected entity.Entity
		wrong := json.Unmarshal(document, &expected)
		decoded, order, err := entity.Decode(document)
		require.Equal(t, wrong == nil, err == nil, "%v, %v", wrong, err)
		if wrong != nil {
			return
		}
		require.Equal(t, expected, decoded)
		// A document in its own order is itself, but for what JSON can write in several ways.
		inOrder, err := order.Marshal(decoded)
		require.NoError(t, err)
		var again entity.Entity
		require.NoError(t, json.Unmarshal(inOrder, &again))
		require.Equal(t, expected, again)
		require.Equal(t, keysOf(t, document), keysOf(t, inOrder))
	})
}

// keysOf lists the keys of JSON as they come, each once for its object.
func keysOf(t *testing.T, document []byte) string {
	t.Helper()
	var out strings.Builder
	var read func(decoder *json.Decoder)
	decoder := json.NewDecoder(bytes.NewReader(document))
	next := func() json.Token {
		token, err := decoder.Token()
		require.NoError(t, err)
		return token
	}
	read = func(decoder *json.Decoder) {
		opening := next()
		if opening != json.Delim('{') && opening != json.Delim('[') {
			return
		}
		fmt.Fprint(&out, opening)
		place, inside := map[string]int{}, []string{}
		for decoder.More() {
			key := ""
			if opening == json.Delim('{') {
				key, _ = next().(string)
			}
			before := out.String()
			out.Reset()
			read(decoder)
			below := key + out.String()
			out.Reset()
			out.WriteString(before)
			if at, again := place[key]; again && opening == json.Delim('{') {
				inside[at] = below
				continue
			}
			place[key], inside = len(inside), append(inside, below)
		}
		fmt.Fprint(&out, strings.Join(inside, ","), next())
	}
	read(decoder)
	return out.String()
}

// An object with many keys keeps its order, too, and does not take long.
func TestOrderOfManyKeys(t *testing.T) {
	t.Parallel()
	var document strings.Builder
	document.WriteString(`{"first":true`)
	for i := range 100_000 {
		fmt.Fprintf(&document, `,"k%d":%d`, 100_000-i, i)
	}
	document.WriteString("}")
	decoded, order, err := entity.Decode(json.RawMessage(document.String()))
	require.NoError(t, err)
	decoded["added"], decoded["also"] = true, nil
	encoded, err := order.Marshal(decoded)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSuffix(document.String(), "}")+`,"added":true,"also":null}`, string(encoded))
}
