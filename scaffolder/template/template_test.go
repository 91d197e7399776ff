package template_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/scaffolder/template"
)

// exchange is a recorded response of a Backstage backend.
type exchange struct {
	Response struct{ Body json.RawMessage }
}

// recorded returns the body of a recorded response, without white space.
func recorded(t testing.TB, name string) json.RawMessage {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	var e exchange
	require.NoError(t, json.Unmarshal(content, &e))
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, e.Response.Body))
	return compact.Bytes()
}

// marshal encodes a value as the API does.
func marshal(t testing.TB, v any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(v))
	return strings.TrimSpace(out.String())
}

func parse(t testing.TB, document string) *template.Template {
	t.Helper()
	parsed, err := template.Parse(json.RawMessage(document))
	require.NoError(t, err)
	return parsed
}

// withSpec returns a template with this spec.
func withSpec(spec string) string {
	return `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t"},"spec":` + spec + `}`
}

func TestPinnedSpecsEqualBackstages(t *testing.T) {
	t.Parallel()
	var task struct{ Spec json.RawMessage }
	require.NoError(t, json.Unmarshal(recorded(t, "145-scaffolder-task-as-user"), &task))
	var user struct {
		User       template.User
		Parameters json.RawMessage
	}
	require.NoError(t, json.Unmarshal(task.Spec, &user))

	pinned, err := parse(t, string(recorded(t, "078-catalog-by-name-template-hello"))).Pin(user.Parameters, user.User, provenance.At(provenance.File, "/golden/input/templates.yaml"))
	require.NoError(t, err)
	require.JSONEq(t, string(task.Spec), marshal(t, pinned))
	var expected, actual struct{ Steps, Output json.RawMessage }
	require.NoError(t, json.Unmarshal(task.Spec, &expected))
	require.NoError(t, json.Unmarshal([]byte(marshal(t, pinned)), &actual))
	require.Equal(t, string(expected.Steps), string(actual.Steps), "the author's order of keys; defaults come last")
	require.Equal(t, string(expected.Output), string(actual.Output))
}

func TestTheParameterSchemaEqualsBackstages(t *testing.T) {
	t.Parallel()
	schema, err := parse(t, string(recorded(t, "078-catalog-by-name-template-hello"))).ParameterSchema()
	require.NoError(t, err)
	require.Equal(t, string(recorded(t, "124-scaffolder-parameter-schema-hello")), marshal(t, schema))
}

func TestATemplateWithoutParametersHasNoPages(t *testing.T) {
	t.Parallel()
	document := `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template",
		"metadata":{"name":"secretive","title":"Template with a secrets schema and an unknown action"},"spec":{"type":"service","steps":[]}}`
	schema, err := parse(t, document).ParameterSchema()
	require.NoError(t, err)
	require.Equal(t, string(recorded(t, "127-scaffolder-parameter-schema-secretive")), marshal(t, schema))
}

func TestTheParameterSchemaOfEveryShape(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ spec, expected string }{
		"one page": {`{"parameters":{"properties":{"z":{},"a":{}}}}`,
			`{"title":"t","steps":[{"title":"Please enter the following information","schema":{"properties":{"z":{},"a":{}}}}]}`},
		"null":    {`{"parameters":null}`, `{"title":"t","steps":[]}`},
		"nothing": {`{"parameters":[]}`, `{"title":"t","steps":[]}`},
		"a page is passed on unchanged": {`{"parameters":[{"title":"T","description":"D","ui:x":"<&>","backstage:featureFlag":"f"}]}`,
			`{"title":"t","steps":[{"title":"T","description":"D","schema":{"title":"T","description":"D","ui:x":"<&>","backstage:featureFlag":"f"}}]}`},
		"decorators":             {`{"formDecorators":[{"id":"a"}]}`, `{"title":"t","steps":[],"formDecorators":[{"id":"a"}]}`},
		"decorators' older name": {`{"EXPERIMENTAL_formDecorators":[{"id":"b"}]}`, `{"title":"t","steps":[],"formDecorators":[{"id":"b"}]}`},
		"presentation":           {`{"presentation":{"buttonLabels":{"backButtonText":"B"}}}`, `{"title":"t","presentation":{"buttonLabels":{"backButtonText":"B"}},"steps":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema, err := parse(t, withSpec(test.spec)).ParameterSchema()
			require.NoError(t, err)
			require.Equal(t, test.expected, marshal(t, schema))
		})
	}
}

func TestStepsAreNamedAndKeptAsWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ step, expected string }{
		"id and name are filled in":          {`{"action":"debug:log"}`, `{"action":"debug:log","id":"step-1","name":"debug:log"}`},
		"empty ones too, where they stand":   {`{"name":"","action":"a","id":""}`, `{"name":"a","action":"a","id":"step-1"}`},
		"existing values stay":               {`{"id":"x","name":"X","action":"a"}`, `{"id":"x","name":"X","action":"a"}`},
		"unknown keys and order are kept":    {`{"z":1,"action":"a","id":"x","name":"n","input":{"b":"<&>","a":[]},"backstage:permissions":{"tags":["t"]}}`, `{"z":1,"action":"a","id":"x","name":"n","input":{"b":"<&>","a":[]},"backstage:permissions":{"tags":["t"]}}`},
		"numbers are not read and rewritten": {`{"id":"x","name":"n","action":"a","input":{"n":1.10,"big":12345678901234567890}}`, `{"id":"x","name":"n","action":"a","input":{"n":1.10,"big":12345678901234567890}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pinned, err := parse(t, withSpec(`{"steps":[`+test.step+`]}`)).Pin(nil, template.User{}, provenance.Place{})
			require.NoError(t, err)
			require.Equal(t, "["+test.expected+"]", marshal(t, pinned.Steps))
		})
	}
}

func TestNullIsAnAbsentKey(t *testing.T) {
	t.Parallel()
	pinned, err := parse(t, withSpec(`{"steps":[{"action":"a","if":null,"each":null,"input":null}],"output":null,"parameters":null}`)).Pin([]byte("null"), template.User{}, provenance.Place{})
	require.NoError(t, err)
	require.Empty(t, pinned.Steps[0].If)
	require.Empty(t, pinned.Steps[0].Each)
	require.Empty(t, pinned.Steps[0].Input)
	require.Equal(t, "{}", string(pinned.Output))
	require.Equal(t, "{}", string(pinned.Parameters))
}

func TestAPinnedSpecIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	pinned, err := parse(t, string(recorded(t, "078-catalog-by-name-template-hello"))).Pin([]byte(`{"name":"x"}`), template.User{Ref: "user:default/a"}, provenance.Place{})
	require.NoError(t, err)
	var read template.TaskSpec
	require.NoError(t, json.Unmarshal([]byte(marshal(t, pinned)), &read))
	require.Equal(t, pinned, read)
	require.Equal(t, marshal(t, pinned), marshal(t, read))
}

func TestASpecWithoutStepsIsAnError(t *testing.T) {
	t.Parallel()
	pinned, err := parse(t, withSpec(`{}`)).Pin(nil, template.User{}, provenance.Place{})
	require.NoError(t, err)
	require.Contains(t, marshal(t, pinned), `"steps":[]`)
}

func TestInvalidStepsCannotBePinned(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ steps, message string }{
		"no action":                       {`[{"id":"a"}]`, "step 1 of the template has no action"},
		"a step that is a string":         {`[{"action":"x"},"fetch"]`, "step 2 of the template is malformed: spec.steps[1] must be an object, and is a string"},
		"an action in capitals":           {`[{"Action":"x"}]`, "step 1 of the template has no action"},
		"a step that is null":             {`[null]`, "step 1 of the template has no action"},
		"a name that is a number":         {`[{"action":"x","name":7}]`, "step 1 of the template is malformed: spec.steps[0].name must be a string, and is a number"},
		"an action that is hidden deeper": {`[{"input":{"action":"x"}}]`, "step 1 of the template has no action"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, withSpec(`{"steps":`+test.steps+`}`)).Pin(nil, template.User{}, provenance.Place{})
			require.ErrorContains(t, err, test.message)
			require.Equal(t, fault.Input, fault.KindOf(err))
		})
	}
}

// TestTwoStepsMayShareAnID: as in Backstage, expressions read the later output.
func TestTwoStepsMayShareAnID(t *testing.T) {
	t.Parallel()
	pinned, err := parse(t, withSpec(`{"steps":[{"id":"step-2","action":"x"},{"action":"y"},{"ID":"z","id":"a","action":"x"}]}`)).Pin(nil, template.User{}, provenance.Place{})
	require.NoError(t, err)
	ids := []string{}
	for _, step := range pinned.Steps {
		ids = append(ids, step.ID)
	}
	require.Equal(t, []string{"step-2", "step-2", "a"}, ids)
}

func TestInvalidTemplatesAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ document, message string }{
		"no JSON":             {`{`, "the template is malformed"},
		"null":                {`null`, "Input template is not a template"},
		"a list":              {`[]`, "the template is malformed"},
		"nearly nothing":      {`{"kind":"Component"}`, "Input template is not a template"},
		"no metadata":         {`{"kind":"Template","apiVersion":"scaffolder.backstage.io/v1beta3"}`, "metadata must be an object, and is missing"},
		"another kind":        {`{"kind":"Component","apiVersion":"backstage.io/v1alpha1","metadata":{"name":"x"}}`, "Input template is not a template"},
		"another version":     {`{"kind":"Template","apiVersion":"backstage.io/v1beta2","metadata":{"name":"x"}}`, "Unsupported apiVersion field in schema entity, backstage.io/v1beta2"},
		"steps no list":       {withSpec(`{"steps":{}}`), "the template is malformed: spec.steps must be a list, and is an object"},
		"far too many":        {withSpec(`{"steps":[` + strings.Repeat(`{},`, 500) + `{}]}`), "501 steps"},
		"metadata is text":    {`{"kind":"Template","apiVersion":"scaffolder.backstage.io/v1beta3","metadata":"x"}`, "metadata must be an object, and is a string"},
		"a number for a name": {`{"kind":"Template","apiVersion":"scaffolder.backstage.io/v1beta3","metadata":{"name":7}}`, "metadata.name must be a string, and is a number"},
		"a list for notes":    {`{"kind":"Template","apiVersion":"scaffolder.backstage.io/v1beta3","metadata":{"name":"x","annotations":["a"]}}`, "metadata.annotations must be an object, and is a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := template.Parse(json.RawMessage(test.document))
			require.ErrorContains(t, err, test.message)
			require.Equal(t, fault.Input, fault.KindOf(err))
		})
	}
}

func TestRelativeURLsAreRelativeToTheTemplatesPlace(t *testing.T) {
	t.Parallel()
	byURL, byFile := provenance.At(provenance.URL, "https://github.com/a/b/blob/main/t.yaml"), provenance.At(provenance.File, "/srv/t.yaml")
	for name, test := range map[string]struct {
		at                    provenance.Place
		annotations, expected string
	}{
		"a URL":                            {byURL, `{}`, "https://github.com/a/b/blob/main/t.yaml"},
		"a file":                           {byFile, `{}`, "file:///srv/t.yaml"},
		"the source is nearer":             {byFile, `{"backstage.io/source-location":"url:https://x/tree/"}`, "https://x/tree/"},
		"the source of a file is a file":   {byFile, `{"backstage.io/source-location":"file:/srv/t/"}`, "file:///srv/t/"},
		"which may be relative":            {byFile, `{"backstage.io/source-location":"file:./t/"}`, "file:///srv/t/"},
		"blanks do not matter":             {byURL, `{"backstage.io/source-location":" url : https://x/t.yaml"}`, "https://x/t.yaml"},
		"unknown origin":                   {provenance.Place{}, `{}`, ""},
		"something else":                   {byURL, `{"backstage.io/source-location":"bitbucket-discovery:x"}`, ""},
		"no reference":                     {byURL, `{"backstage.io/source-location":"nowhere"}`, ""},
		"it is empty":                      {byURL, `{"backstage.io/source-location":""}`, "https://github.com/a/b/blob/main/t.yaml"},
		"a colon inside the path":          {byFile, `{"backstage.io/source-location":"file:/srv/a:b.yaml"}`, "file:///srv/a:b.yaml"},
		"what it says of itself is not so": {byURL, `{"backstage.io/managed-by-location":"file:/etc/t.yaml"}`, "https://github.com/a/b/blob/main/t.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed := parse(t, templateWith(test.annotations))
			base, err := parsed.Base(test.at)
			require.NoError(t, err)
			pinned, err := parsed.Pin(nil, template.User{}, base)
			require.NoError(t, err)
			require.Equal(t, test.expected, pinned.TemplateInfo.BaseURL)
		})
	}
}

func templateWith(annotations string) string {
	return fmt.Sprintf(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t","annotations":%s},"spec":{}}`, annotations)
}

func TestATemplateByURLCannotHaveAFileAsItsBase(t *testing.T) {
	t.Parallel()
	for _, at := range []provenance.Place{{}, provenance.At(provenance.URL, "https://x/t.yaml"), provenance.At("ldap", "x")} {
		for _, written := range []string{"file:/proc/self/x", "file:///proc/self/x", " file: /etc/x", "file:./x", "url:file:///etc/x", "url:FILE:/etc/x"} {
			_, err := parse(t, templateWith(fmt.Sprintf(`{"backstage.io/source-location":%q}`, written))).Base(at)
			require.Equal(t, fault.Input, fault.KindOf(err), "%s %s", at, written)
			require.ErrorContains(t, err, fmt.Sprintf("the annotation backstage.io/source-location of template:default/t is %q. ", written))
		}
	}
}

// TestPinnedBasesAreChecked: earlier versions pinned a base that the template's author could
// set.
func TestPinnedBasesAreChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		baseURL, metadata string
		expected          provenance.Place
	}{
		"a URL":                     {"https://x/t.yaml", `{}`, provenance.At(provenance.URL, "https://x/t.yaml")},
		"a file":                    {"file:///srv/t.yaml", `{"annotations":{"backstage.io/managed-by-location":"file:/srv/all.yaml"}}`, provenance.At(provenance.File, "/srv/t.yaml")},
		"a file of one by URL":      {"file:///proc/self/x", `{"annotations":{"backstage.io/managed-by-location":"url:https://x/t.yaml"}}`, provenance.Place{}},
		"a file of unknown origin":  {"file:///proc/self/x", `{"annotations":{}}`, provenance.Place{}},
		"no annotations":            {"file:///proc/self/x", `{"annotations":"file:/x"}`, provenance.Place{}},
		"no metadata":               {"file:///proc/self/x", ``, provenance.Place{}},
		"keys of an author's":       {"file:///proc/self/x", `{"annotations":{"backstage.io/managed-by-location":"url:https://x/t.yaml"},"Annotations":{"backstage.io/managed-by-location":"file:/x"}}`, provenance.Place{}},
		"an annotation of a number": {"file:///proc/self/x", `{"annotations":{"backstage.io/managed-by-location":1}}`, provenance.Place{}},
		"nothing":                   {"", `{}`, provenance.Place{}},
	} {
		info := template.Info{BaseURL: test.baseURL, Entity: template.InfoEntity{Metadata: json.RawMessage(test.metadata)}}
		require.Equal(t, test.expected, info.Base(), name)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	plain := parse(t, withSpec(`{}`))
	require.Equal(t, "t", plain.Title())
	require.Equal(t, "template:default/t", plain.Ref())
	named := parse(t, `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t","namespace":"ops","title":"A Template"},"spec":{}}`)
	require.Equal(t, "A Template", named.Title())
	require.Equal(t, "template:ops/t", named.Ref())
}

func TestPropertyNamesKeepTheAuthorsOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"z", "a", "m"}, template.PropertyNames([]byte(`{"properties":{"z":{},"a":{},"m":{}}}`)))
	for _, page := range []string{`{}`, `{"properties":null}`, `{"properties":[]}`, `[]`, `{`} {
		require.Empty(t, template.PropertyNames([]byte(page)), page)
	}
}

func TestADigestDependsOnEveryByte(t *testing.T) {
	t.Parallel()
	require.Equal(t, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", template.Digest([]byte("{}")))
	require.NotEqual(t, template.Digest([]byte("{}")), template.Digest([]byte("{} ")))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(withSpec(`{"steps":[{"action":"a"}],"parameters":[{"properties":{"x":{}}}]}`)), []byte(`{"x":1}`))
	f.Add([]byte(withSpec(`{"steps":[{"action":"a","id":"\ud800","if":null}],"parameters":{}}`)), []byte(`null`))
	f.Add([]byte(recorded(f, "078-catalog-by-name-template-hello")), []byte(`{}`))
	f.Fuzz(func(t *testing.T, document, values []byte) {
		parsed, err := template.Parse(document)
		if err != nil || !json.Valid(values) {
			return
		}
		if schema, err := parsed.ParameterSchema(); err == nil {
			require.True(t, json.Valid([]byte(marshal(t, schema))))
		}
		pinned, err := parsed.Pin(values, template.User{}, provenance.Place{})
		if err != nil {
			return
		}
		var read template.TaskSpec
		require.NoError(t, json.Unmarshal([]byte(marshal(t, pinned)), &read))
		require.Equal(t, marshal(t, pinned), marshal(t, read))
	})
}

func TestOnlySomePagesAndStepsOfATemplate(t *testing.T) {
	t.Parallel()
	untagged := func(tags template.Tags) bool { return len(tags) == 0 }
	const tagged = `"backstage:permissions":{"tags":["x"]}`
	for name, test := range map[string]struct{ spec, pages, message string }{
		"one of two pages":      {spec: `{"parameters":[{"title":"<A>"},{"title":"B",` + tagged + `}]}`, pages: `[{"title":"<A>"}]`},
		"the only page":         {spec: `{"parameters":{` + tagged + `}}`, pages: `[]`},
		"a single page":         {spec: `{"parameters":{"title":"A"}}`, pages: `[{"title":"A"}]`},
		"no pages":              {spec: `{}`, pages: `[]`},
		"without tags":          {spec: `{"parameters":[{"backstage:permissions":{}}]}`, pages: `[{"backstage:permissions":{}}]`},
		"tags of another name":  {spec: `{"parameters":[{"Backstage:Permissions":{"tags":["x"]}}]}`, pages: `[{"Backstage:Permissions":{"tags":["x"]}}]`},
		"page with a text":      {spec: `{"parameters":[{"backstage:permissions":{"tags":"x"}}]}`, message: "page 1 of the template is malformed: backstage:permissions.tags must be a list"},
		"step with a list":      {spec: `{"steps":[{},{"backstage:permissions":["x"]}]}`, message: "step 2 of the template is malformed: backstage:permissions must be an object"},
		"step that is a number": {spec: `{"steps":[1]}`, message: "step 1 of the template is malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := parse(t, withSpec(test.spec))
			some, err := whole.Only(untagged, untagged)
			if test.message != "" {
				require.ErrorContains(t, err, test.message)
				require.Equal(t, fault.Input, fault.KindOf(err))
				return
			}
			require.NoError(t, err)
			pages, err := some.Pages()
			require.NoError(t, err)
			require.Equal(t, test.pages, marshal(t, pages))
			require.NotEqual(t, whole.Digest, some.Digest, "findings about the whole template are not those of the part")
		})
	}
}
