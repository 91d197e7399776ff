package entity_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

// recorded is one line of testdata/validate.jsonl.
type recorded struct {
	Base   string
	Edits  []edit
	Entity entity.Entity
	Error  string
}

type edit struct {
	Path   string
	Value  any
	Remove bool
}

const learnMore = " To learn more about catalog file format, visit: " +
	"https://github.com/backstage/backstage/blob/master/docs/architecture-decisions/adr002-default-catalog-file-format.md"

func TestValidateReturnsBackstagesMessages(t *testing.T) {
	t.Parallel()
	bases := readBases(t)
	file, err := os.Open("testdata/validate.jsonl")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		var test recorded
		require.NoError(t, json.Unmarshal(lines.Bytes(), &test))
		document := test.Entity
		if test.Base != "" {
			document = bases[test.Base].Clone()
		}
		for _, edit := range test.Edits {
			edit.apply(document)
		}
		message := ""
		if err := entity.Validate(document); err != nil {
			message = err.Error()
		}
		require.Equal(t, strings.ReplaceAll(test.Error, " …", learnMore), message, "line %d", number)
	}
	require.NoError(t, lines.Err())
}

func readBases(t testing.TB) map[string]entity.Entity {
	t.Helper()
	content, err := os.ReadFile("testdata/bases.json")
	require.NoError(t, err)
	var bases map[string]entity.Entity
	require.NoError(t, json.Unmarshal(content, &bases))
	return bases
}

func (e edit) apply(document entity.Entity) {
	segments := strings.Split(strings.TrimPrefix(e.Path, "/"), "/")
	var parent any = map[string]any(document)
	for _, segment := range segments[:len(segments)-1] {
		parent = member(parent, segment)
	}
	last := unescape(segments[len(segments)-1])
	switch parent := parent.(type) {
	case map[string]any:
		parent[last] = e.Value
		if e.Remove {
			delete(parent, last)
		}
	case []any:
		index, _ := strconv.Atoi(last)
		parent[index] = e.Value
	}
}

func member(parent any, segment string) any {
	if list, isList := parent.([]any); isList {
		index, _ := strconv.Atoi(segment)
		return list[index]
	}
	return parent.(map[string]any)[unescape(segment)]
}

func unescape(segment string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(segment)
}

func TestValidateWritesTheDefaultNamespace(t *testing.T) {
	t.Parallel()
	document := entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Location",
		"metadata": map[string]any{"name": "all"}, "spec": map[string]any{},
	}
	require.NoError(t, entity.Validate(document))
	require.Equal(t, "default", document.Metadata()["namespace"])
}

func TestErrorsMarshalLikeBackstages(t *testing.T) {
	t.Parallel()
	document := entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Component",
		"metadata": map[string]any{"name": "x"}, "spec": map[string]any{"type": 1.0},
	}
	encoded, err := json.Marshal(entity.Validate(document))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"name": "InputError",
		"message": "Processor BuiltinKindsEntityProcessor threw an error while validating the entity component:default/x; caused by TypeError: /spec must have required property 'lifecycle' - missingProperty: lifecycle",
		"cause": {
			"name": "TypeError",
			"message": "/spec must have required property 'lifecycle' - missingProperty: lifecycle"
		}
	}`, string(encoded))
}

func TestCheckEnvelope(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		document entity.Entity
		message  string
	}{
		"nothing":       {entity.Entity{}, "<root> must have required property 'apiVersion' - missingProperty: apiVersion"},
		"nil":           {nil, "<root> must have required property 'apiVersion' - missingProperty: apiVersion"},
		"an empty kind": {entity.Entity{"apiVersion": "a/v1", "kind": "", "metadata": map[string]any{"name": "x"}}, "/kind must NOT have fewer than 1 characters - limit: 1"},
		"no name":       {entity.Entity{"apiVersion": "a/v1", "kind": "K", "metadata": map[string]any{}}, "/metadata must have required property 'name' - missingProperty: name"},
		"a foreign one": {entity.Entity{"apiVersion": "a/v1", "kind": "K", "metadata": map[string]any{"name": "x"}, "more": 1.0}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := entity.CheckEnvelope(test.document)
			if test.message == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.message)
			var failed *entity.Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, "TypeError", failed.Name)
		})
	}
}

func TestValidateRefusesValuesThatCannotBeStored(t *testing.T) {
	t.Parallel()
	location := func(name string, spec map[string]any) error {
		return entity.Validate(entity.Entity{
			"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": map[string]any{"name": name}, "spec": spec,
		})
	}
	require.ErrorContains(t, location("a", map[string]any{"x": []any{map[string]any{"y": "a\x00b"}}}),
		`caused by Error: "/spec/x/0/y" holds the character U+0000, which cannot be stored`)
	require.ErrorContains(t, location("a", map[string]any{"x\x00": true}), "holds the character U+0000")
	require.ErrorContains(t, location(strings.Repeat("a", 2000), nil), "<root> must be referred to in at most 1024 bytes")

	for _, target := range []string{"user:default/" + strings.Repeat("a", 2000), "user:default/\x00"} {
		_, err := entity.Relations(newEntity("System", map[string]any{"owner": target}))
		require.ErrorContains(t, err, "Entity reference in spec.owner is longer than 1024 bytes or holds the character U+0000")
	}
	documents, err := entity.ParseYAML([]byte(`a: "\0"`), "file:/a.yaml")
	require.NoError(t, err)
	require.EqualError(t, documents[0].Err, `"/a" holds the character U+0000, which cannot be stored`)
}

func FuzzValidate(f *testing.F) {
	for _, base := range readBases(f) {
		encoded, err := json.Marshal(base)
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Add([]byte(`{"apiVersion":"a","kind":"K","metadata":{"name":"n","links":[null],"labels":{"":null}},"spec":null}`))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var document entity.Entity
		if json.Unmarshal(encoded, &document) != nil || document == nil {
			return
		}
		entity.SortLists(document)
		valid := entity.Validate(document) == nil
		again := entity.Validate(document) == nil
		require.Equal(t, valid, again, "validating changes the verdict")
		if !valid {
			return
		}
		ref, err := entity.ParseRef(document.Ref().String(), entity.Ref{})
		require.NoError(t, err)
		require.Equal(t, document.Ref().String(), ref.String())
		relations, err := entity.Relations(document)
		if err == nil {
			require.Zero(t, len(relations)%2, "a relation lacks its reverse")
		}
	})
}
