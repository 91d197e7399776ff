package entity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func newEntity(kind string, spec map[string]any) entity.Entity {
	return entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": kind,
		"metadata": map[string]any{"name": "Self", "namespace": "Team"}, "spec": spec,
	}
}

func list(items ...any) []any { return items }

func TestRelations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind, field       string
		outgoing, reverse string
		target            string
	}{
		{"Component", "owner", "ownedBy", "ownerOf", "group:team/x"},
		{"Component", "subcomponentOf", "partOf", "hasPart", "component:team/x"},
		{"Component", "providesApis", "providesApi", "apiProvidedBy", "api:team/x"},
		{"Component", "consumesApis", "consumesApi", "apiConsumedBy", "api:team/x"},
		{"Component", "dependsOn", "dependsOn", "dependencyOf", ""},
		{"Component", "dependencyOf", "dependencyOf", "dependsOn", ""},
		{"Component", "system", "partOf", "hasPart", "system:team/x"},
		{"API", "owner", "ownedBy", "ownerOf", "group:team/x"},
		{"API", "system", "partOf", "hasPart", "system:team/x"},
		{"Resource", "owner", "ownedBy", "ownerOf", "group:team/x"},
		{"Resource", "dependsOn", "dependsOn", "dependencyOf", ""},
		{"Resource", "dependencyOf", "dependencyOf", "dependsOn", ""},
		{"Resource", "system", "partOf", "hasPart", "system:team/x"},
		{"System", "owner", "ownedBy", "ownerOf", "group:team/x"},
		{"System", "domain", "partOf", "hasPart", "domain:team/x"},
		{"Domain", "owner", "ownedBy", "ownerOf", "group:team/x"},
		{"Domain", "subdomainOf", "partOf", "hasPart", "domain:team/x"},
		{"User", "memberOf", "memberOf", "hasMember", "group:team/x"},
		{"Group", "parent", "childOf", "parentOf", "group:team/x"},
		{"Group", "children", "parentOf", "childOf", "group:team/x"},
		{"Group", "members", "hasMember", "memberOf", "user:team/x"},
		{"Template", "owner", "ownedBy", "ownerOf", "group:team/x"},
	}
	for _, test := range tests {
		t.Run(test.kind+" "+test.field, func(t *testing.T) {
			t.Parallel()
			for _, field := range []any{"X", list("X"), list("X", "x")} {
				relations, err := entity.Relations(newEntity(test.kind, map[string]any{test.field: field}))
				if test.target == "" {
					requireFailure(t, err, "InputError: Processor BuiltinKindsEntityProcessor threw an error while postprocessing; "+
						`caused by Error: Entity reference "X" had missing or empty kind (e.g. did not start with "component:" or similar)`)
					continue
				}
				self := newEntity(test.kind, nil).Ref().String()
				require.NoError(t, err)
				require.Equal(t, []entity.Relation{
					{Type: test.outgoing, SourceRef: self, TargetRef: test.target},
					{Type: test.reverse, SourceRef: test.target, TargetRef: self},
				}, relations)
			}
			relations, err := entity.Relations(newEntity(test.kind, map[string]any{test.field: "Resource:Other/Y"}))
			require.NoError(t, err)
			require.Equal(t, "resource:other/y", relations[0].TargetRef)
		})
	}
}

func TestRelationsOfEntitiesWithoutReferences(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Location", "Wat", "Component"} {
		relations, err := entity.Relations(newEntity(kind, map[string]any{"owner": nil, "system": "", "type": "x"}))
		require.NoError(t, err)
		require.Empty(t, relations)
	}
}

func TestRelationsReadCompoundReferences(t *testing.T) {
	t.Parallel()
	component := func(reference any) entity.Entity {
		return newEntity("Component", map[string]any{"dependencyOf": list(reference)})
	}
	relations, err := entity.Relations(component(map[string]any{"kind": "Resource", "name": "Db"}))
	require.NoError(t, err)
	require.Equal(t, "resource:team/db", relations[0].TargetRef)

	_, err = entity.Relations(component(5.0))
	require.ErrorContains(t, err, "Entity reference 5 had missing or empty kind")
	_, err = entity.Relations(component(map[string]any{"kind": "Resource"}))
	require.ErrorContains(t, err, `Entity reference {"kind":"Resource"} had missing or empty name`)
	_, err = entity.Relations(component(""))
	require.ErrorContains(t, err, "Entity reference must not be empty")
}

func TestSortLists(t *testing.T) {
	t.Parallel()
	mixed := list("b", 1.0, "a")
	component := newEntity("Component", map[string]any{
		"providesApis": list("b", "a", "B", "\uFFFD", "😀"), "dependsOn": mixed, "other": list("b", "a"), "consumesApis": "b",
	})
	entity.SortLists(component)
	require.Equal(t, list("B", "a", "b", "😀", "\uFFFD"), component.Spec()["providesApis"], "the order is that of UTF-16 code units")
	require.Equal(t, list("b", 1.0, "a"), component.Spec()["dependsOn"])
	require.Equal(t, list("b", "a"), component.Spec()["other"])
	entity.SortLists(entity.Entity{})
}
