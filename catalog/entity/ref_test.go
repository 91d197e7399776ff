package entity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	const malformed = `TypeError: Entity reference "%s" was not on the form [<kind>:][<namespace>/]<name>`
	const kindless = ` had missing or empty kind (e.g. did not start with "component:" or similar)`
	kind := entity.Ref{Kind: "X"}
	tests := []struct {
		text     string
		defaults entity.Ref
		ref      entity.Ref
		failure  string
	}{
		{text: "a", defaults: entity.Ref{Kind: "Component"}, ref: entity.Ref{Kind: "Component", Namespace: "default", Name: "a"}},
		{text: "a", defaults: entity.Ref{Kind: "X", Namespace: "Team"}, ref: entity.Ref{Kind: "X", Namespace: "Team", Name: "a"}},
		{text: "b:a", ref: entity.Ref{Kind: "b", Namespace: "default", Name: "a"}},
		{text: "c/a", defaults: entity.Ref{Kind: "API", Namespace: "x"}, ref: entity.Ref{Kind: "API", Namespace: "c", Name: "a"}},
		{text: "b:c/a", ref: entity.Ref{Kind: "b", Namespace: "c", Name: "a"}},
		{text: "B:C/D", ref: entity.Ref{Kind: "B", Namespace: "C", Name: "D"}},
		{text: "c/b:a", defaults: kind, ref: entity.Ref{Kind: "X", Namespace: "c", Name: "b:a"}},
		{text: "b:c/d/e", ref: entity.Ref{Kind: "b", Namespace: "c", Name: "d/e"}},
		{text: "b:c:d", ref: entity.Ref{Kind: "b", Namespace: "default", Name: "c:d"}},
		{text: "b:c:d/e", ref: entity.Ref{Kind: "b", Namespace: "c:d", Name: "e"}},
		{text: "user:default/Jane Doe", ref: entity.Ref{Kind: "user", Namespace: "default", Name: "Jane Doe"}},
		{text: "", failure: "Error: Entity reference must not be empty"},
		{text: "a", failure: `Error: Entity reference "a"` + kindless},
		{text: `a"b`, failure: `Error: Entity reference "a\"b"` + kindless},
		{text: ":a", defaults: kind, failure: malformed},
		{text: "b:", defaults: kind, failure: malformed},
		{text: "/a", defaults: kind, failure: malformed},
		{text: "b:/a", failure: malformed},
		{text: "b:c/", failure: malformed},
		{text: "/", defaults: kind, failure: malformed},
		{text: ":", defaults: kind, failure: malformed},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			ref, err := entity.ParseRef(test.text, test.defaults)
			require.Equal(t, test.ref, ref)
			requireFailure(t, err, strings.ReplaceAll(test.failure, "%s", test.text))
		})
	}
}

// requireFailure compares an *entity.Error with "Name: message"; "" is none.
func requireFailure(t *testing.T, err error, failure string) {
	t.Helper()
	if failure == "" {
		require.NoError(t, err)
		return
	}
	var failed *entity.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, failure, failed.Name+": "+failed.Message)
}

func TestRefStringFoldsCase(t *testing.T) {
	t.Parallel()
	require.Equal(t, "component:team/shop", entity.Ref{Kind: "Component", Namespace: "Team", Name: "Shop"}.String())
	require.Equal(t, "api:default/x", entity.Ref{Kind: "API", Name: "x"}.String())
}

func FuzzParseRef(f *testing.F) {
	for _, text := range []string{"", "a", "k:n/a", ":", "/", "k:", "n/k:a", "k:a:b/c/d", "ÄÖ:é/ß"} {
		f.Add(text, "Component", "team")
	}
	f.Fuzz(func(t *testing.T, text, kind, namespace string) {
		ref, err := entity.ParseRef(text, entity.Ref{Kind: kind, Namespace: namespace})
		if err != nil {
			return
		}
		require.NotEmpty(t, ref.Kind)
		require.NotEmpty(t, ref.Namespace)
		require.NotEmpty(t, ref.Name)
		require.True(t, strings.HasSuffix(text, ref.Name))
	})
}
