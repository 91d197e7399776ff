package entity_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

// decoded is JSON as the configuration decodes it.
func decoded(t testing.TB, document string) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(document), &value))
	return value
}

// datasets is a layer with a kind, a type of it, a relation, an annotation and a type of a built-in kind.
func datasets(t testing.TB) entity.Layer {
	t.Helper()
	owner := entity.RelationField{Path: "spec.owner", Relation: "ownedBy", DefaultKind: "Group", AllowedKinds: []string{"Group", "User"}}
	stores := entity.RelationField{Path: "spec.stores.at", Relation: "storedIn", DefaultKind: "Resource", DefaultNamespace: "default"}
	return entity.Layer{ID: "acme.example.com/datasets",
		Kinds: []entity.LayerKind{
			{Group: "acme.example.com", Kind: "Dataset", Singular: "dataset", Plural: "datasets", Description: "A set of data", Versions: []entity.KindVersion{
				{Names: []string{"v1", "v2"}, RelationFields: []entity.RelationField{owner}, Schema: decoded(t, `{"type":"object","required":["spec"],"properties":{"spec":{"type":"object",
					"required":["owner","rows"],"properties":{"owner":{"type":"string","minLength":1},"rows":{"type":"integer","minimum":0},"class":{"enum":["open","secret"]},"code":{"type":"string","pattern":"^[A-Z]{2}$"}}}}}`)},
				{Names: []string{"v1"}, SpecType: "table", RelationFields: []entity.RelationField{owner, stores}, Schema: decoded(t, `{"allOf":[{"$ref":"Entity"},{"properties":{"spec":{"required":["columns"],
					"properties":{"columns":{"type":"array","minItems":1,"items":{"$ref":"#/definitions/column"}}}}}}],"definitions":{"column":{"type":"object","required":["name"],"additionalProperties":false,"properties":{"name":{"type":"string","maxLength":3}}}}}`)},
			}},
			{Group: "backstage.io", Kind: "Component", Versions: []entity.KindVersion{
				{Names: []string{"v1alpha1"}, SpecType: "job", RelationFields: []entity.RelationField{{Path: "spec.reads", Relation: "reads", DefaultKind: "Dataset"}},
					Schema: decoded(t, `{"properties":{"spec":{"type":"object","required":["schedule"]}}}`)},
			}},
		},
		RelationPairs: []entity.RelationPair{
			{Forward: entity.RelationName{Type: "storedIn", Title: "stored in"}, Reverse: entity.RelationName{Type: "stores", Title: "stores"}, FromKinds: []string{"Dataset"}, ToKinds: []string{"Resource"}},
			{Forward: entity.RelationName{Type: "reads"}, Reverse: entity.RelationName{Type: "readBy"}},
		},
		Annotations: []entity.ValueRule{{Name: "acme.example.com/tier", Schema: decoded(t, `{"enum":["gold","silver"]}`)}, {Name: "acme.example.com/note"}},
		Labels:      []entity.ValueRule{{Name: "cost", Schema: decoded(t, `{"type":"string","pattern":"^[0-9]+$"}`)}},
	}
}

func newModel(t testing.TB, layers ...entity.Layer) *entity.Model {
	t.Helper()
	model, err := entity.NewModel(layers)
	require.NoError(t, err)
	return model
}

func TestAModelValidates(t *testing.T) {
	t.Parallel()
	model := newModel(t, datasets(t))
	tests := map[string]struct{ document, message, field string }{
		"an own kind":               {`{"apiVersion":"acme.example.com/v2","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"a","rows":3}}`, "", ""},
		"a missing field":           {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"rows":3}}`, "/spec must have required property 'owner' - missingProperty: owner", "/spec"},
		"no spec":                   {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"}}`, "<root> must have required property 'spec' - missingProperty: spec", ""},
		"a wrong type":              {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"a","rows":"3"}}`, "/spec/rows must be integer - type: integer", "/spec/rows"},
		"a small number":            {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"a","rows":-1}}`, "/spec/rows must be >= 0 - limit: 0", "/spec/rows"},
		"an unknown word":           {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"a","rows":1,"class":"x"}}`, "/spec/class must be equal to one of the allowed values - allowedValues: open,secret", "/spec/class"},
		"a pattern":                 {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"a","rows":1,"code":"abc"}}`, `/spec/code must match pattern "^[A-Z]{2}$" - pattern: ^[A-Z]{2}$`, "/spec/code"},
		"an empty text":             {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"","rows":1}}`, "/spec/owner must NOT have fewer than 1 characters - limit: 1", "/spec/owner"},
		"a type of the kind":        {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"type":"table","columns":[{"name":"a"}]}}`, "", ""},
		"no items":                  {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"type":"table","columns":[]}}`, "/spec/columns must NOT have fewer than 1 items - limit: 1", "/spec/columns"},
		"within a list":             {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"type":"table","columns":[{"name":"a"},{"name":"long"}]}}`, "/spec/columns/1/name must NOT have more than 3 characters - limit: 3", "/spec/columns/1/name"},
		"a stranger":                {`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"type":"table","columns":[{"name":"a","b":1,"a":1}]}}`, "/spec/columns/0 must NOT have additional properties - additionalProperty: a", "/spec/columns/0"},
		"a type of another version": {`{"apiVersion":"acme.example.com/v2","kind":"Dataset","metadata":{"name":"x"},"spec":{"type":"table","owner":"a","rows":1}}`, "", ""},
		"a type of a built-in kind": {`{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"x"},"spec":{"type":"job","schedule":"daily"}}`, "", ""},
		"a wrong one of it":         {`{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"x"},"spec":{"type":"job"}}`, "/spec must have required property 'schedule' - missingProperty: schedule", "/spec"},
		"a built-in kind":           {`{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"x"},"spec":{"type":"service","lifecycle":"a"}}`, "/spec must have required property 'owner' - missingProperty: owner", "/spec"},
		"an annotation":             {`{"apiVersion":"acme.example.com/v2","kind":"Dataset","metadata":{"name":"x","annotations":{"acme.example.com/tier":"bronze"}},"spec":{"owner":"a","rows":3}}`, "/metadata/annotations/acme.example.com~1tier must be equal to one of the allowed values - allowedValues: gold,silver", "/metadata/annotations/acme.example.com~1tier"},
		"a label":                   {`{"apiVersion":"backstage.io/v1alpha1","kind":"User","metadata":{"name":"x","labels":{"cost":"x"}},"spec":{"memberOf":[]}}`, `/metadata/labels/cost must match pattern "^[0-9]+$" - pattern: ^[0-9]+$`, "/metadata/labels/cost"},
		"a free annotation":         {`{"apiVersion":"backstage.io/v1alpha1","kind":"User","metadata":{"name":"x","annotations":{"acme.example.com/note":"x","acme.example.com/tier":"gold"}},"spec":{"memberOf":[]}}`, "", ""},
		"a foreign version":         {`{"apiVersion":"acme.example.com/v3","kind":"Dataset","metadata":{"name":"x"},"spec":{}}`, "No processor recognized the entity dataset:default/x as valid, possibly caused by a foreign kind or apiVersion", ""},
		"another case":              {`{"apiVersion":"acme.example.com/v1","kind":"dataset","metadata":{"name":"x"},"spec":{}}`, "No processor recognized the entity dataset:default/x as valid, possibly caused by a foreign kind or apiVersion", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e entity.Entity
			require.NoError(t, json.Unmarshal([]byte(test.document), &e))
			for range 10 { // always the same error
				err := model.Validate(e)
				if test.message == "" {
					require.NoError(t, err)
					continue
				}
				broken, is := errors.AsType[*entity.Error](err)
				require.True(t, is)
				require.True(t, strings.HasSuffix(broken.Message, test.message), broken.Message)
				require.Equal(t, test.field, broken.Field)
			}
		})
	}
}

func TestAModelRelates(t *testing.T) {
	t.Parallel()
	model := newModel(t, datasets(t))
	related := func(document string) (edges []string, err error) {
		var e entity.Entity
		require.NoError(t, json.Unmarshal([]byte(document), &e))
		relations, err := model.Relations(e)
		for _, r := range relations {
			edges = append(edges, r.SourceRef+" "+r.Type+" "+r.TargetRef)
		}
		return edges, err
	}
	edges, err := related(`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x","namespace":"n"},"spec":{"type":"table","owner":"a","stores":[{"at":"b"},{"at":["c","b"]},{}]}}`)
	require.NoError(t, err)
	require.Equal(t, []string{
		"dataset:n/x ownedBy group:n/a", "group:n/a ownerOf dataset:n/x",
		"dataset:n/x storedIn resource:default/b", "resource:default/b stores dataset:n/x",
		"dataset:n/x storedIn resource:default/c", "resource:default/c stores dataset:n/x",
	}, edges)

	edges, err = related(`{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"x"},"spec":{"type":"job","owner":"a","reads":["d"]}}`)
	require.NoError(t, err)
	require.Equal(t, []string{"component:default/x ownedBy group:default/a", "group:default/a ownerOf component:default/x",
		"component:default/x reads dataset:default/d", "dataset:default/d readBy component:default/x"}, edges)

	_, err = related(`{"apiVersion":"acme.example.com/v1","kind":"Dataset","metadata":{"name":"x"},"spec":{"owner":"system:a"}}`)
	require.ErrorContains(t, err, "Entity reference system:default/a is of the kind system, and may be of Group, User only")
	broken, _ := errors.AsType[*entity.Error](err)
	require.Equal(t, "/spec/owner", broken.Field)
}

// TestSeveralOwners: spec.owners stands for spec.owner, or adds to it.
func TestSeveralOwners(t *testing.T) {
	t.Parallel()
	for kind, spec := range map[string]string{
		"Component": `"type":"a","lifecycle":"b"`, "API": `"type":"a","lifecycle":"b","definition":"c"`, "Resource": `"type":"a"`,
		"System": `"type":"a"`, "Domain": `"type":"a"`, "AiResource": `"type":"a","lifecycle":"b"`,
	} {
		read := func(more string) entity.Entity {
			var e entity.Entity
			require.NoError(t, json.Unmarshal([]byte(`{"apiVersion":"backstage.io/v1alpha1","kind":"`+kind+`","metadata":{"name":"x"},"spec":{`+spec+more+`}}`), &e))
			return e
		}
		both := read(`,"owner":"a","owners":["a","user:b"]`)
		require.NoError(t, entity.Validate(both), kind)
		relations, err := entity.Relations(both)
		require.NoError(t, err)
		var owners []string
		for _, relation := range relations {
			if relation.Type == "ownedBy" {
				owners = append(owners, relation.TargetRef)
			}
		}
		require.Equal(t, []string{"group:default/a", "user:default/b"}, owners, kind)
		require.NoError(t, entity.Validate(read(`,"owners":["a"]`)), kind)
		require.ErrorContains(t, entity.Validate(read("")), "/spec must have required property 'owner' - missingProperty: owner", kind)
		require.ErrorContains(t, entity.Validate(read(`,"owners":[]`)), "/spec/owners must NOT have fewer than 1 items - limit: 1", kind)
		require.ErrorContains(t, entity.Validate(read(`,"owners":[""]`)), "/spec/owners/0 must NOT have fewer than 1 characters - limit: 1", kind)
	}
}

// TestAiResourcesAndServersOfTheModelContextProtocol: Backstage has them as layers.
func TestAiResourcesAndServersOfTheModelContextProtocol(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"anything","lifecycle":"b","owner":"c"}}`:                                                 "",
		`{"apiVersion":"backstage.io/v1beta1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"anything","lifecycle":"b","owner":"c"}}`:                                                  "No processor recognized",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"skill","lifecycle":"b","owner":"c","agents":["d"],"dependsOn":["e"]}}`:                   "",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"skill","lifecycle":"b","owner":"c","compatibility":"` + strings.Repeat("ä", 501) + `"}}`: "/spec/compatibility must NOT have more than 500 characters",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"rule","lifecycle":"b","owner":"c","category":"d"}}`:                                      "must have required property 'rationale'",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"plugin","lifecycle":"b","owner":"c"}}`:                                                   "must have required property 'skills'",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"marketplace","lifecycle":"b","owner":"c","plugins":["d"]}}`:                              "",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"API","metadata":{"name":"x"},"spec":{"type":"mcp-server","lifecycle":"b","owner":"c","remotes":[{"type":"sse","url":"u"}]}}`:                 "",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"API","metadata":{"name":"x"},"spec":{"type":"mcp-server","lifecycle":"b","owner":"c","remotes":[]}}`:                                         "/spec/remotes must NOT have fewer than 1 items",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"API","metadata":{"name":"x"},"spec":{"type":"mcp-server","lifecycle":"b","owner":"c","remotes":[{"type":"sse"}]}}`:                           "/spec/remotes/0 must have required property 'url'",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"API","metadata":{"name":"x"},"spec":{"type":"mcp-server","lifecycle":"b","owner":"c"}}`:                                                      "must have required property 'remotes'",
		`{"apiVersion":"backstage.io/v1alpha1","kind":"API","metadata":{"name":"x"},"spec":{"type":"mcp-server","lifecycle":"b","owner":"c","definition":"as before"}}`:                             "",
	}
	for document, message := range tests {
		var e entity.Entity
		require.NoError(t, json.Unmarshal([]byte(document), &e))
		if err := entity.Validate(e); message == "" {
			require.NoError(t, err, document)
		} else {
			require.ErrorContains(t, err, message, document)
		}
	}
	var plugin entity.Entity
	require.NoError(t, json.Unmarshal([]byte(`{"apiVersion":"backstage.io/v1alpha1","kind":"AiResource","metadata":{"name":"x"},"spec":{"type":"plugin","skills":["a"],"plugins":["b"],"dependsOn":["c"]}}`), &plugin))
	relations, err := entity.Relations(plugin)
	require.NoError(t, err)
	require.Equal(t, []entity.Relation{{Type: "hasPart", SourceRef: "airesource:default/x", TargetRef: "airesource:default/a"},
		{Type: "partOf", SourceRef: "airesource:default/a", TargetRef: "airesource:default/x"}}, relations, "the other fields are of other types")
}

// TestABadLayerIsRefused: every problem is reported, with the path to it.
func TestABadLayerIsRefused(t *testing.T) {
	t.Parallel()
	first, second := datasets(t), datasets(t)
	second.Kinds[0].Kind = "DataSet"
	_, err := entity.NewModel([]entity.Layer{first, second, {ID: "wrong", Kinds: []entity.LayerKind{{Group: "Acme!", Kind: "No kind", Versions: []entity.KindVersion{
		{Names: []string{"v 1"}, Schema: decoded(t, `{"properties":{"spec":{"type":"strin"}}}`), RelationFields: []entity.RelationField{
			{Path: "metadata.name", Relation: "none", DefaultKind: "Grup", AllowedKinds: []string{"User", "Nobody"}}}},
		{Names: []string{"v2"}, Schema: decoded(t, `{"properties":{"spec":{"pattern":"("}}}`)},
		{Names: []string{"v3"}, Schema: decoded(t, `{"$ref":"https://example.com/schema.json"}`)},
		{Names: []string{"v4"}, Schema: "text"},
	}}}, RelationPairs: []entity.RelationPair{{Forward: entity.RelationName{Type: "ownedBy"}, Reverse: entity.RelationName{Type: "owns it"}, FromKinds: []string{"Ghost"}}},
		Annotations: []entity.ValueRule{{Name: "not a key"}, {Name: "twice"}, {Name: "twice", Schema: decoded(t, `{"enum":1}`)}}}})
	wrong, is := errors.AsType[*entity.ModelError](err)
	require.True(t, is, "%v", err)
	found := map[string]string{}
	for _, problem := range wrong.Problems {
		found[strings.Join(problem.Path, ".")] = problem.Message
	}
	for path, message := range map[string]string{
		"1.layerId":                      "there is another layer acme.example.com/datasets",
		"1.kinds.0.names.kind":           "there is the kind Dataset, and references do not tell DataSet from it",
		"1.kinds.1.versions.0":           "Component of backstage.io/v1alpha1 has been described before for the spec.type job",
		"1.annotations.0.name":           "there is another rule for acme.example.com/tier",
		"2.kinds.0.group":                `"Acme!" is no group: the part of apiVersion before the slash, such as acme.example.com`,
		"2.kinds.0.names.kind":           `"No kind" is no name of a kind: letters and digits, at most 63`,
		"2.kinds.0.versions.0.name":      `"v 1" is no version: letters and digits, such as v1alpha1`,
		"2.relationPairs.0.forward.type": "the reverse of ownedBy is ownerOf already, not owns it",
		"2.relationPairs.0.reverse.type": `"owns it" is no name of a relation: letters, digits and _, at most 100`,
		"2.relationPairs.0.fromKind.0":   "there is no kind Ghost; there are",
		"2.kinds.0.versions.0.schema.jsonSchema.properties.spec.type":    "not a JSON Schema: ",
		"2.kinds.0.versions.1.schema.jsonSchema.properties.spec.pattern": "not a JSON Schema: ",
		"2.kinds.0.versions.2.schema.jsonSchema":                         "it refers to https://example.com/schema.json, and a schema can refer to itself only",
		"2.kinds.0.versions.3.schema.jsonSchema":                         "not a JSON Schema: ",
		"2.kinds.0.versions.0.relationFields.0.selector.path":            `"metadata.name" is no path of a field in spec, such as spec.owner`,
		"2.kinds.0.versions.0.relationFields.0.relation":                 "there is no relation none: declare it under relationPairs",
		"2.kinds.0.versions.0.relationFields.0.defaultKind.0":            "there is no kind Grup; there are",
		"2.kinds.0.versions.0.relationFields.0.allowedKinds.1":           "there is no kind Nobody; there are",
		"2.annotations.0.name":                                           `"not a key" is no name of an annotation or label`,
		"2.annotations.2.name":                                           "there is another rule for twice",
		"2.annotations.2.schema.jsonSchema.enum":                         "not a JSON Schema: ",
	} {
		require.Contains(t, found, path, "%v", found)
		require.Contains(t, found[path], message)
	}
}

func TestAModelDescribesItself(t *testing.T) {
	t.Parallel()
	model := newModel(t, datasets(t))
	described := map[string]entity.ModelKind{}
	for _, kind := range model.Kinds() {
		described[kind.Kind] = kind
	}
	require.Equal(t, entity.ModelKind{Kind: "Dataset", Singular: "dataset", Plural: "datasets", Description: "A set of data",
		APIVersions: []string{"acme.example.com/v1", "acme.example.com/v2"}, Types: []string{"table"}, Layers: []string{"acme.example.com/datasets"}}, described["Dataset"])
	require.Equal(t, []string{"job"}, described["Component"].Types)
	require.Equal(t, []string{"mcp-server"}, described["API"].Types)
	require.Empty(t, described["API"].Layers)
	require.Equal(t, map[string]string{"storedIn": "stored in", "stores": "stores"}, model.RelationTitles())
	require.Equal(t, []string{"Component", "Dataset"}, model.OwnKinds())
	allowed := model.EveryKind()
	require.True(t, allowed.Allowed(entity.Entity{"kind": "Dataset"}, entity.LocationSpec{}))

	var none *entity.Model
	require.Empty(t, none.OwnKinds())
	require.Len(t, none.Kinds(), 10)
	require.NotEqual(t, none.Version(), model.Version())
	changed := datasets(t)
	changed.Kinds[0].Versions[0].Schema = decoded(t, `{}`)
	require.NotEqual(t, newModel(t, changed).Version(), model.Version())
	require.Equal(t, newModel(t, datasets(t)).Version(), model.Version())
}
