// Package servicenow holds the actions on the tables of ServiceNow, servicenow:now:table:*. They act with the account of
// the configuration, by the Table API.
package servicenow

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

//go:embed schema/*.json
var schemas embed.FS

// schema is a schema by the name of its file.
func schema(name string) json.RawMessage {
	content, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		panic(err) // the name is written in this package
	}
	return content
}

// Options are where ServiceNow is, and as whom Portico acts there.
type Options struct {
	BaseURL, Username, Password string
	Transport                   http.RoundTripper
}

const idPrefix = "servicenow:now:table:"

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	return []action.Action{
		createRecord{options}, deleteRecord{options: options},
		changeRecord{options, "updateRecord", http.MethodPatch}, changeRecord{options, "modifyRecord", http.MethodPut},
		readRecords{options: options, isList: false}, readRecords{options: options, isList: true},
	}
}

const needsAccount = "`servicenow.baseUrl`, `servicenow.username` and `servicenow.password`, of an account that may %s the table's records by the REST API."

// parameters are the query parameters of the Table API by the names of the input.
var parameters = []struct{ input, query string }{
	{"sysparmQuery", "sysparm_query"},
	{"sysparmDisplayValue", "sysparm_display_value"},
	{"sysparmExcludeReferenceLink", "sysparm_exclude_reference_link"},
	{"sysparmSuppressPaginationHeader", "sysparm_suppress_pagination_header"},
	{"sysparmFields", "sysparm_fields"},
	{"sysparmLimit", "sysparm_limit"},
	{"sysparmInputDisplayValue", "sysparm_input_display_value"},
	{"sysparmSuppressAutoSysField", "sysparm_suppress_auto_sys_field"},
	{"sysparmView", "sysparm_view"},
	{"sysparmQueryCategory", "sysparm_query_category"},
	{"sysparmQueryNoDomain", "sysparm_query_no_domain"},
	{"sysparmNoCount", "sysparm_no_count"},
}

// asked is what a step asks of a table.
type asked struct {
	table, sysID string
	// query are the parameters of the step.
	query string
	// body are the fields of a record, nil when there are none.
	body json.RawMessage
}

// read reads the input of a step.
func read(call *action.Call) (asked, error) {
	var given map[string]json.RawMessage
	if err := call.Decode(&given); err != nil {
		return asked{}, err
	}
	var names struct{ TableName, SysID string }
	if err := call.Decode(&names); err != nil {
		return asked{}, err
	}
	var pairs []string
	for _, parameter := range parameters {
		if value, has := given[parameter.input]; has {
			pairs = append(pairs, parameter.query, textOf(value))
		}
	}
	body := given["requestBody"]
	if string(body) == "null" {
		body = nil
	}
	return asked{table: names.TableName, sysID: names.SysID, query: system.Query(pairs...), body: body}, nil
}

// textOf is a value as JavaScript writes it into a text. Lists are joined by commas.
func textOf(value json.RawMessage) string {
	var decoded any
	if json.Unmarshal(value, &decoded) != nil {
		return string(value)
	}
	switch decoded := decoded.(type) {
	case string:
		return decoded
	case float64:
		return strconv.FormatFloat(decoded, 'f', -1, 64)
	case []any:
		texts := make([]string, len(decoded))
		for i, one := range decoded {
			texts[i], _ = one.(string) // the schema says so
		}
		return strings.Join(texts, ",")
	default:
		return string(value)
	}
}

// table is a table of ServiceNow.
type table struct {
	hostapi.API

	name, user string
}

// table connects to a table. Without a configuration it refuses.
func (o Options) table(name string) (table, error) {
	if o.BaseURL == "" || o.Password == "" {
		return table{}, action.Advise(action.InputError("ServiceNow is not configured"),
			"Ask an operator to set servicenow.baseUrl, servicenow.username and servicenow.password, then start a new run.")
	}
	client := rest.Options{Name: "ServiceNow", Key: "servicenow", BaseURL: strings.TrimSuffix(o.BaseURL, "/") + "/api/now/table/" + url.PathEscape(name),
		Authenticate: rest.Basic(o.Username, o.Password), Transport: o.Transport}
	return table{name: name, user: o.Username,
		API: hostapi.New(client, "Give the account of servicenow.username the roles for this table, then retry.").In(words)}, nil
}

// words are those of the plugin: what ServiceNow says, or else the name of the status.
func words(refusal *rest.RefusalError) string {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(refusal.Body, &said) // another answer has no message
	return cmp.Or(strings.TrimSpace(said.Error.Message), http.StatusText(refusal.Status))
}

// send makes a request, and returns the result of the answer.
func (t table) send(ctx context.Context, doing, method, path string, body json.RawMessage) (json.RawMessage, error) {
	var answer struct{ Result json.RawMessage }
	var sent any
	if body != nil {
		sent = body
	}
	err := t.Send(ctx, doing+" of the table "+t.name, method, path, sent, &answer)
	return answer.Result, err
}

// path is that of a record, below the table's.
func path(sysID string) string { return "/" + url.PathEscape(sysID) }

// output is the output of a step.
func output(result json.RawMessage) action.Output {
	if result == nil {
		return nil
	}
	return action.Output{"result": result}
}
