// Package pagerduty holds the action that creates a service of PagerDuty, pagerduty:service:create.
package pagerduty

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/create.input.json
	createInput json.RawMessage
	//go:embed schema/create.output.json
	createOutput json.RawMessage
)

const (
	serviceKind = "pagerduty:service"
	publicURL   = "https://api.pagerduty.com"
	// backstageVendor is PagerDuty's name of the integration for Backstage, by whose key a portal shows a service.
	backstageVendor = "PRO19CT"
	// account is the plugin's name of the only account.
	account = "default"
)

// Options are the settings of the action.
type Options struct {
	// APIBaseURL is the address of the API, "" for that of the United States.
	APIBaseURL string
	Token      string
	Transport  http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{createService{options}} }

// createService is pagerduty:service:create.
type createService struct{ options Options }

// Describe lists the action with the inputs of PagerDuty's plugin.
func (createService) Describe() action.Description {
	return action.Description{
		ID:           "pagerduty:service:create",
		Description:  "Creates a service of PagerDuty with the integration for Backstage.",
		InputSchema:  createInput,
		OutputSchema: createOutput,
		Undoes:       "Deletes the service with its integration, unless it has an incident.",
		Needs: []string{"`pagerDuty.apiToken`: a key of PagerDuty's REST API that may write.",
			"For an account in Europe, `pagerDuty.apiBaseUrl` with https://api.eu.pagerduty.com."},
		Differences: []string{
			"A failure fails the step. The plugin logs it and goes on.",
			"A service that exists already is left untouched and fails the step with that reason.",
			"There is one account. `pagerDuty.accounts` and `pagerDuty.oauth` are not read.",
			"PagerDuty does not say who created a service. One of this name that appears between the intent and the end of an attempt that was cut off is taken for the " +
				"run's.",
		},
		Examples: []action.Example{
			{Description: "A service, and the key for its entity's annotation", Example: `steps:
  - id: pagerduty
    name: Create the service of PagerDuty
    action: pagerduty:service:create
    input:
      name: ${{ parameters.name }}
      description: ${{ parameters.description }}
      escalationPolicyId: PABC123
`},
			{Description: "With alerts that are grouped by time", Example: `steps:
  - id: pagerduty
    name: Create the service of PagerDuty
    action: pagerduty:service:create
    input:
      name: ${{ parameters.name }}
      description: Created by the template for services
      escalationPolicyId: ${{ parameters.escalationPolicy }}
      alertGrouping: time
`},
		},
	}
}

type input struct {
	Name             string `json:"name"`
	Description      string `json:"description"`
	EscalationPolicy string `json:"escalationPolicyId"`
	AlertGrouping    string `json:"alertGrouping"`
}

// reference names another thing of PagerDuty.
type reference struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// service is what PagerDuty says of a service.
type service struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	URL          string        `json:"html_url"`
	Integrations []integration `json:"integrations"`
}

// integration is a way into a service.
type integration struct {
	Key    string    `json:"integration_key"`
	Vendor reference `json:"vendor"`
}

// connection makes requests to PagerDuty.
type connection struct{ hostapi.API }

func (o Options) connect() (connection, error) {
	if o.Token == "" {
		return connection{}, action.Advise(action.InputError("PagerDuty is not configured"), "Ask an operator to set pagerDuty.apiToken, then start a new run.")
	}
	client := rest.Options{Name: "PagerDuty", Key: "pagerDuty", BaseURL: strings.TrimRight(cmp.Or(o.APIBaseURL, publicURL), "/"), Transport: o.Transport,
		Authenticate: func(header http.Header) {
			header.Set("Authorization", "Token token="+o.Token)
			header.Set("Accept", "application/vnd.pagerduty+json;version=2")
		}}
	return connection{hostapi.New(client, "Give the key of pagerDuty.apiToken the right to write, then retry.").In(words)}, nil
}

// words are PagerDuty's, with the reasons that it lists.
func words(refusal *rest.RefusalError) string {
	var said struct {
		Error struct {
			Errors []string `json:"errors"`
		} `json:"error"`
	}
	_ = json.Unmarshal(refusal.Body, &said) // another answer has no reasons
	return strings.TrimSuffix(fmt.Sprintf("PagerDuty answered %s: %s", refusal, strings.Join(said.Error.Errors, ", ")), ": ")
}

func (a createService) begin(call *action.Call) (input, connection, error) {
	var wanted input
	if err := call.Decode(&wanted); err != nil {
		return wanted, connection{}, err
	}
	c, err := a.options.connect()
	return wanted, c, err
}

// Run creates the service, and then its integration.
func (a createService) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Creating service '%s' in account '%s'.", wanted.Name, account)
	spec := c.service(wanted.Name)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[service], error) {
		return c.create(ctx, wanted)
	}
	made, err := system.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	key, err := c.integrate(ctx, made)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Service '%s' and its integration for Backstage are there", wanted.Name)
	return action.Output{"serviceUrl": made.URL, "serviceId": made.ID, "integrationKey": key, "account": account}, nil
}

// service describes the service to package resource, for finding and deleting it.
func (c connection) service(name string) resource.Spec[service] {
	return resource.Spec[service]{
		Intent: action.Intent{Kind: serviceKind, Name: name, Data: name},
		Title:  "the service " + name + " of PagerDuty",
		Find:   func(ctx context.Context, _ action.Effect) (*resource.Found[service], error) { return c.find(ctx, name) },
		Delete: func(ctx context.Context, found service) error {
			return c.Delete(ctx, "deleting the service "+name, "/services/"+url.PathEscape(found.ID))
		},
		Used: func(ctx context.Context, _ action.Effect, found service) (string, error) { return c.useOf(ctx, found) },
	}
}

// find finds the service of a name. PagerDuty's query also finds names that contain it, the closest first.
func (c connection) find(ctx context.Context, name string) (*resource.Found[service], error) {
	var listed struct {
		Services []service `json:"services"`
	}
	err := c.Send(ctx, "looking for the service "+name, http.MethodGet, "/services"+system.Query("query", name, "limit", "100", "include[]", "integrations"), nil, &listed)
	i := slices.IndexFunc(listed.Services, func(one service) bool { return strings.EqualFold(one.Name, name) })
	if err != nil || i < 0 {
		return nil, err
	}
	return found(listed.Services[i]), nil
}

func found(made service) *resource.Found[service] {
	return &resource.Found[service]{Thing: made, ID: made.ID, URL: made.URL}
}

// grouping are the parameters of the ways in which alerts are grouped.
var grouping = map[string]any{
	"intelligent":   map[string]any{"type": "intelligent"},
	"time":          map[string]any{"type": "time", "config": map[string]any{"timeout": 0}},
	"content_based": map[string]any{"type": "content_based", "config": map[string]any{"aggregate": "all", "time_window": 0, "fields": []string{"source", "summary"}}},
}

func (c connection) create(ctx context.Context, wanted input) (*resource.Found[service], error) {
	body := map[string]any{
		"type": "service", "name": wanted.Name, "description": wanted.Description, "alert_creation": "create_alerts_and_incidents",
		"auto_pause_notifications_parameters": map[string]any{"enabled": true, "timeout": 300},
		"escalation_policy":                   reference{wanted.EscalationPolicy, "escalation_policy_reference"},
	}
	if parameters, known := grouping[wanted.AlertGrouping]; known {
		may, err := c.mayGroup(ctx)
		if err != nil {
			return nil, err
		}
		if may {
			body["alert_grouping_parameters"] = parameters
		}
	}
	var made struct {
		Service service `json:"service"`
	}
	err := c.Send(ctx, "creating the service "+wanted.Name, http.MethodPost, "/services", map[string]any{"service": body}, &made)
	switch {
	case err != nil && strings.Contains(err.Error(), "Name has already been taken"):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return found(made.Service), nil
}

// mayGroup reports whether the account has what groups alerts. The plugin leaves the grouping out otherwise.
func (c connection) mayGroup(ctx context.Context) (bool, error) {
	var answer struct {
		Abilities []string `json:"abilities"`
	}
	err := c.Send(ctx, "reading the abilities of the account", http.MethodGet, "/abilities", nil, &answer)
	has := func(ability string) bool { return slices.Contains(answer.Abilities, ability) }
	return has("preview_intelligent_alert_grouping") && has("time_based_alert_grouping"), err
}

// integrate makes sure that the service has the integration for Backstage, and returns its key.
func (c connection) integrate(ctx context.Context, made service) (string, error) {
	for _, one := range made.Integrations {
		if one.Vendor.ID == backstageVendor && one.Key != "" {
			return one.Key, nil
		}
	}
	body := map[string]any{"integration": map[string]any{"name": "Backstage", "service": reference{made.ID, "service_reference"},
		"vendor": reference{backstageVendor, "vendor_reference"}}}
	var answer struct {
		Integration integration `json:"integration"`
	}
	err := c.Send(ctx, "creating the integration for Backstage", http.MethodPost, "/services/"+url.PathEscape(made.ID)+"/integrations", body, &answer)
	return answer.Integration.Key, err
}

// useOf says whether the service has incidents.
func (c connection) useOf(ctx context.Context, found service) (string, error) {
	var listed struct {
		Incidents []struct {
			URL string `json:"html_url"`
		} `json:"incidents"`
	}
	err := c.Send(ctx, "listing the incidents of "+found.Name, http.MethodGet, "/incidents"+system.Query("service_ids[]", found.ID, "date_range", "all", "limit", "1"), nil, &listed)
	if err != nil || len(listed.Incidents) == 0 {
		return "", err
	}
	return "it has the incident " + listed.Incidents[0].URL, nil
}

// Undo deletes the service.
func (a createService) Undo(ctx context.Context, call *action.UndoCall) error {
	name, err := system.Kept[string](call.Effect)
	if err != nil {
		return err
	}
	c, err := a.options.connect()
	if err != nil {
		return err
	}
	return system.Remove(ctx, call, c.service(name))
}

// Plan looks whether the name is free.
func (a createService) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.service(wanted.Name), "create the service "+wanted.Name+" of PagerDuty")
}
