package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/rbac"
)

// NewPermissionPlugin serves /api/permission: the permission requests of a Backstage frontend.
func NewPermissionPlugin(service *authorize.Service) Plugin {
	p := permissionRoutes{service: service}
	return plugin{id: "permission", routes: []route{
		{method: http.MethodGet, path: "/health", access: open(probe), looseQuery: true,
			summary: "Says that permissions are decided", serve: ok("it is up", p.health)},
		{method: http.MethodPost, path: "/authorize", access: forUsers, audit: unrecorded("it reads"), looseQuery: true, body: takes[authorizeInput](),
			summary: "Decides what the caller may do", serve: ok("a decision for each item", p.authorize), fails: []fault.Kind{fault.NotImplemented}},
	}}
}

type permissionRoutes struct{ service *authorize.Service }

func (permissionRoutes) health(*call) (health, error) { return health{Status: "ok"}, nil }

// authorizeInput is a batch of permission requests.
type authorizeInput struct {
	Items []permissionRequest `json:"items"`
}

type permissionRequest struct {
	ID          string              `json:"id"                   jsonschema_description:"the id that the decision gets"`
	Permission  requestedPermission `json:"permission"`
	ResourceRef resourceRefs        `json:"resourceRef,omitzero"`
}

// requestedPermission is a permission as the caller knows it.
type requestedPermission struct {
	Type         string               `json:"type,omitempty"`
	Name         string               `json:"name"`
	Attributes   permissionAttributes `json:"attributes,omitzero"`
	ResourceType policy.ResourceType  `json:"resourceType,omitempty"`
}

func (p requestedPermission) query() rbac.Query {
	return rbac.Query{Permission: p.Name, Action: p.Attributes.Action, ResourceType: p.ResourceType}
}

// resourceRefs is one reference, or a list of them.
type resourceRefs struct {
	refs   []string
	isList bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *resourceRefs) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		r.refs = []string{one}
		return nil
	}
	r.isList = true
	return json.Unmarshal(data, &r.refs)
}

// JSONSchema implements jsonschema's hook.
func (resourceRefs) JSONSchema() *jsonschema.Schema {
	return oneOrMany(&jsonschema.Schema{Type: "string"})
}

// results is one result, or one for each reference of a list.
type results struct {
	each   []policy.Result
	isList bool
}

// MarshalJSON implements json.Marshaler.
func (r results) MarshalJSON() ([]byte, error) {
	if r.isList {
		return json.Marshal(orEmpty(r.each))
	}
	return json.Marshal(r.each[0])
}

// JSONSchema implements jsonschema's hook.
func (results) JSONSchema() *jsonschema.Schema {
	return oneOrMany(oneOf(policy.Allowed, policy.Denied))
}

func oneOrMany(one *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{one, {Type: "array", Items: one}}}
}

// decisions are the answers to a batch, with the ids of its items.
type decisions struct {
	Items []decided `json:"items"`
}

type decided struct {
	ID     string  `json:"id"`
	Result results `json:"result"`
}

// authorize is for users alone: a service does not need it, because it asks on nobody's behalf.
func (p permissionRoutes) authorize(c *call) (decisions, error) {
	var input authorizeInput
	if err := c.decode(&input); err != nil {
		return decisions{}, err
	}
	requests := make([]authorize.Request, len(input.Items))
	for i, item := range input.Items {
		if item.Permission.Type == "resource" && len(item.ResourceRef.refs) == 0 {
			return decisions{}, authorize.ErrNoResource
		}
		requests[i] = authorize.Request{Query: item.Permission.query(), Refs: item.ResourceRef.refs}
	}
	answers, err := p.service.Authorize(c.Request.Context(), c.principal, requests)
	if err != nil {
		return decisions{}, err
	}
	reply := decisions{Items: make([]decided, len(answers))}
	for i, answer := range answers {
		result := results{each: []policy.Result{answer.Result}}
		if answer.Result == policy.Conditional {
			result = results{answer.Each, input.Items[i].ResourceRef.isList}
		}
		reply.Items[i] = decided{input.Items[i].ID, result}
	}
	return reply, nil
}

// conditionRoutes are the routes with which other programs learn about a plugin's permissions, and evaluate
// conditions on its resources. A resource type without a Match is not stored.
type conditionRoutes struct {
	metadata []byte
	match    map[policy.ResourceType]authorize.Match
}

// permissionsPath begins the paths of these routes.
const permissionsPath = "/.well-known/backstage/permissions/"

// describesPermissions is the route of a plugin's metadata.
func describesPermissions(metadata []byte) route {
	return route{method: http.MethodGet, path: permissionsPath + "metadata", access: authenticated,
		summary: "Describes the plugin's permissions", serve: constant[permissionMetadata]("permissions and rules", metadata)}
}

func (r conditionRoutes) routes() []route {
	return []route{
		describesPermissions(r.metadata),
		{method: http.MethodPost, path: permissionsPath + "apply-conditions", access: authenticated, audit: unrecorded("it reads"), body: takes[conditionsInput](),
			summary: "Evaluates conditions on the plugin's resources", serve: ok("a result for each item", r.apply), fails: []fault.Kind{fault.NotImplemented}},
	}
}

// conditionsInput is a batch of conditions with the resources to evaluate them on.
type conditionsInput struct {
	Items []conditionsRequest `json:"items"`
}

type conditionsRequest struct {
	ID           string              `json:"id"           jsonschema_description:"the id that the result gets"`
	ResourceRef  resourceRefs        `json:"resourceRef"`
	ResourceType policy.ResourceType `json:"resourceType"`
	Conditions   document[object]    `json:"conditions"`
}

// apply is for services alone, as in Backstage: with conditions of a user's choice, it would tell more about
// a resource than the user may read. A service gets no result about resources that it may not read either.
func (r conditionRoutes) apply(c *call) (decisions, error) {
	if c.principal.Kind != identity.KindService && c.principal.Via == "" {
		return decisions{}, fault.New(fault.NotAllowed, "")
	}
	var input conditionsInput
	if err := c.decode(&input); err != nil {
		return decisions{}, err
	}
	if err := r.check(input.Items); err != nil {
		return decisions{}, err
	}
	reply := decisions{Items: make([]decided, len(input.Items))}
	for i, item := range input.Items {
		matches, err := r.evaluate(c, item)
		if err != nil {
			return decisions{}, err
		}
		result := results{isList: item.ResourceRef.isList}
		for _, matched := range matches {
			result.each = append(result.each, asResult(matched))
		}
		reply.Items[i] = decided{item.ID, result}
	}
	return reply, nil
}

// maxConditions bounds the items of one request: each is a statement.
const maxConditions = 200

// appliedLimits bound the criteria of one item. They leave room for the conditions of several roles that a decision
// has joined.
var appliedLimits = rbac.Limits{Depth: 32, Nodes: 4096, Items: 1024}

func (r conditionRoutes) check(items []conditionsRequest) error {
	if len(items) > maxConditions {
		return fault.New(fault.Input, "There are more items than the %d that are answered at once", maxConditions)
	}
	var unexpected []string
	for _, item := range items {
		if _, known := r.match[item.ResourceType]; !known {
			unexpected = append(unexpected, string(item.ResourceType))
		}
	}
	if len(unexpected) > 0 {
		return fault.New(fault.Input, "Unexpected resource types: %s.", strings.Join(unexpected, ", "))
	}
	return nil
}

func (r conditionRoutes) evaluate(c *call, item conditionsRequest) ([]bool, error) {
	match := r.match[item.ResourceType]
	if match == nil {
		return nil, authorize.Unevaluable(item.ResourceType)
	}
	criteria, err := rbac.ParseCriteria(item.Conditions.RawMessage, appliedLimits)
	if err != nil {
		return nil, fault.Wrap(fault.Input, err, "the conditions of item %s: %s", item.ID, err)
	}
	return match(c.Request.Context(), c.principal, criteria, item.ResourceRef.refs)
}

func asResult(matched bool) policy.Result {
	if matched {
		return policy.Allowed
	}
	return policy.Denied
}
