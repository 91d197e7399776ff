package api

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/rbac"
)

// rolePermissions is the metadata about the permissions on roles, with the same text as the RBAC plugin's.
//
//go:embed permission_permissions.json
var rolePermissions []byte

// NewRolesPlugin serves the part of /api/permission that Backstage's RBAC plugin serves: roles with their
// policies and conditions. The service asks for permission before it looks at what was sent, and refuses it
// with the plugin's messages. So bodies are not checked here.
func NewRolesPlugin(service *rbac.Service) Plugin {
	r := roleRoutes{service: service, described: describedPlugins()}
	conditions := conditionRoutes{rolePermissions, map[policy.ResourceType]authorize.Match{policy.PolicyEntity: service.MatchingRoles}}
	return plugin{id: "permission", routes: slices.Concat(r.roles(), r.policies(), r.conditions(), r.plugins(), conditions.routes())}
}

type roleRoutes struct {
	service *rbac.Service
	// described are the permissions and rules of each plugin that Portico serves.
	described map[string]permissionMetadata
}

// describedPlugins decodes the metadata that the plugins serve.
func describedPlugins() map[string]permissionMetadata {
	described := map[string]permissionMetadata{}
	for id, text := range map[string][]byte{"catalog": catalogPermissions, "scaffolder": scaffolderPermissions, "permission": rolePermissions, "portico": porticoPermissions} {
		var metadata permissionMetadata
		if err := json.Unmarshal(text, &metadata); err != nil {
			panic(err) // it is part of the program
		}
		described[id] = metadata
	}
	return described
}

func (r roleRoutes) roles() []route {
	const one = "/roles/:kind/:namespace/:name"
	return []route{
		{method: http.MethodGet, path: "", access: authenticated, looseQuery: true,
			summary: "Says that the caller may read roles", serve: ok("the caller may", r.status)},
		{method: http.MethodPost, path: "/refresh/:id", access: authenticated, audit: unrecorded("it changes nothing"), command: true,
			summary: "Reads the roles of a provider again; Portico has no providers", serve: empty(http.StatusOK, "never", r.refresh), fails: missing},
		{method: http.MethodGet, path: "/roles", access: authenticated, looseQuery: true,
			summary: "Lists roles", serve: ok("the roles", r.listRoles)},
		{method: http.MethodPost, path: "/roles", access: authenticated, audit: records(audit.RoleCreate), command: true, body: describes[rbac.RoleSpec](),
			summary: "Creates a role, or adds members to one", serve: empty(http.StatusCreated, "it is there", r.createRole), fails: conflicting},
		{method: http.MethodGet, path: one, access: authenticated, looseQuery: true,
			summary: "Shows a role", serve: ok("a list of this role", r.showRole), fails: missing},
		{method: http.MethodPut, path: one, access: authenticated, audit: records(audit.RoleUpdate), command: true, body: describes[rbac.RoleUpdate](),
			summary: "Changes a role; with If-Match only as it was read", serve: empty(http.StatusOK, "changed", r.updateRole), fails: missingConflictingOrStale},
		{method: http.MethodDelete, path: one, access: authenticated, audit: records(audit.RoleDelete), command: true, query: []parameter{text("memberReferences", "remove this member only")},
			summary: "Deletes a role with its policies and conditions, or removes a member; with If-Match only as it was read",
			serve:   empty(http.StatusNoContent, "done", r.deleteRole), fails: missingOrStale},
	}
}

// authorization is the response to those who may read roles.
type authorization struct {
	Status string `json:"status" jsonschema:"enum=Authorized"`
}

func (r roleRoutes) status(c *call) (authorization, error) {
	return authorization{"Authorized"}, r.service.Authorize(c.Request.Context(), c.principal)
}

func (r roleRoutes) refresh(c *call) error {
	if err := r.service.Authorize(c.Request.Context(), c.principal); err != nil {
		return err
	}
	return fault.New(fault.NotFound, "The RBAC provider %s was not found", c.Param("id"))
}

// role is an rbac.Role.
type role struct {
	Members  []string     `json:"memberReferences"`
	Name     string       `json:"name"`
	Metadata roleMetadata `json:"metadata"`
}

type roleMetadata struct {
	Source       rbac.Source `json:"source"`
	Description  *string     `json:"description"  jsonschema:"nullable"`
	Owner        *string     `json:"owner"        jsonschema:"nullable"`
	Author       string      `json:"author"`
	ModifiedBy   string      `json:"modifiedBy"`
	CreatedAt    string      `json:"createdAt"`
	LastModified string      `json:"lastModified"`
	IsDefault    bool        `json:"isDefault"`
}

func asRole(r rbac.Role) role {
	m := r.Metadata
	return role{orEmpty(r.Members), r.Ref, roleMetadata{m.Source, m.Description, m.Owner, m.Author, m.ModifiedBy,
		isoTime(m.CreatedAt), isoTime(m.LastModified), m.IsDefault}}
}

func (r roleRoutes) listRoles(c *call) ([]role, error) {
	found, err := r.service.Roles(c.Request.Context(), c.principal)
	return mapped(found, asRole), err
}

func (r roleRoutes) showRole(c *call) ([]role, error) {
	found, err := r.service.Role(c.Request.Context(), c.principal, c.pathRef())
	c.version(found.Version(), err)
	return []role{asRole(found)}, withoutMessage(err, fault.NotFound)
}

func (r roleRoutes) createRole(c *call) error {
	return given(c, func(spec rbac.RoleSpec) error { return r.service.CreateRole(c.Request.Context(), c.principal, spec) })
}

func (r roleRoutes) updateRole(c *call) error {
	return given(c, func(update rbac.RoleUpdate) error {
		update.Read = c.versionsRead()
		return withoutMessage(r.service.UpdateRole(c.Request.Context(), c.principal, c.pathRef(), update), fault.Conflict)
	})
}

func (r roleRoutes) deleteRole(c *call) error {
	if member := c.Query("memberReferences"); member != "" {
		return r.service.RemoveMember(c.Request.Context(), c.principal, c.pathRef(), member, c.versionsRead())
	}
	return r.service.DeleteRole(c.Request.Context(), c.principal, c.pathRef(), c.versionsRead())
}

func (r roleRoutes) policies() []route {
	const one = "/policies/:kind/:namespace/:name"
	return []route{
		{method: http.MethodGet, path: "/policies", access: authenticated, looseQuery: true,
			query: []parameter{list("entityRef", "only of this role"), list("permission", "only on this, with entityRef"),
				list("policy", "only with this action, with entityRef"), list("effect", "only with this effect, with entityRef")},
			summary: "Lists policies", serve: ok("the policies", r.listPolicies)},
		{method: http.MethodPost, path: "/policies", access: authenticated, audit: records(audit.PolicyCreate), command: true, body: describes[[]rolePolicy](),
			summary: "Adds policies to roles", serve: empty(http.StatusCreated, "they are there", r.createPolicies), fails: missingOrConflicting},
		{method: http.MethodGet, path: one, access: authenticated, looseQuery: true,
			summary: "Lists the policies of a role", serve: ok("the policies", r.policiesOfRole), fails: missing},
		{method: http.MethodPut, path: one, access: authenticated, audit: records(audit.PolicyCreate), command: true, body: describes[policyUpdate](),
			summary: "Replaces policies of a role", fails: missingOrConflicting,
			serve: endpoint{answer: answer{status: http.StatusOK, description: "changed"}, handle: r.updatePolicies},
			also:  []answer{{status: http.StatusNoContent, description: "there was nothing to change"}}},
		{method: http.MethodDelete, path: one, access: authenticated, audit: records(audit.PolicyDelete), command: true, looseQuery: true, body: describes[[]rolePolicy](),
			summary: "Removes policies of a role", serve: empty(http.StatusNoContent, "done", r.deletePolicies), fails: missingOrConflicting},
	}
}

// rolePolicy is an rbac.Policy. EntityReference is the role; it is left out where the path names it.
type rolePolicy struct {
	EntityReference string          `json:"entityReference,omitempty"`
	Permission      string          `json:"permission"`
	Policy          string          `json:"policy"                    jsonschema_description:"the action: create, read, update, delete, or use for a permission without one"`
	Effect          string          `json:"effect"                    jsonschema_description:"allow or deny"`
	Metadata        *policyMetadata `json:"metadata,omitempty"`
}

type policyMetadata struct {
	Source rbac.Source `json:"source"`
}

func (p rolePolicy) policy() rbac.Policy {
	return rbac.Policy{Role: p.EntityReference, Permission: p.Permission, Action: p.Policy, Effect: p.Effect}
}

func asRolePolicy(p rbac.ListedPolicy) rolePolicy {
	return rolePolicy{p.Role, p.Permission, p.Action, p.Effect, &policyMetadata{p.Source}}
}

// policyUpdate is policies as the caller has read them, and as they are to be.
type policyUpdate struct {
	Old []rolePolicy `json:"oldPolicy"`
	New []rolePolicy `json:"newPolicy"`
}

func (r roleRoutes) listPolicies(c *call) ([]rolePolicy, error) {
	filter := rbac.PolicyFilter{Role: c.firstQuery("entityRef"), Permission: c.firstQuery("permission"), Action: c.firstQuery("policy"), Effect: c.firstQuery("effect")}
	found, err := r.service.Policies(c.Request.Context(), c.principal, filter)
	if err == nil {
		err = c.refuseNested("entityRef", "permission", "policy", "effect")
	}
	return mapped(found, asRolePolicy), err
}

func (r roleRoutes) policiesOfRole(c *call) ([]rolePolicy, error) {
	found, err := r.service.PoliciesOf(c.Request.Context(), c.principal, c.pathRef())
	return mapped(found, asRolePolicy), withoutMessage(err, fault.NotFound)
}

// errNoArray is the fault of a body that is not a list of policies.
var errNoArray = fault.New(fault.Input, "permission policy must be provided as an array")

func (r roleRoutes) createPolicies(c *call) error {
	return givenOr(c, errNoArray, func(policies []rolePolicy) error {
		return r.service.CreatePolicies(c.Request.Context(), c.principal, mapped(policies, rolePolicy.policy))
	})
}

func (r roleRoutes) updatePolicies(c *call) error {
	return given(c, func(update policyUpdate) error {
		changed, err := r.service.UpdatePolicies(c.Request.Context(), c.principal, c.pathRef(),
			rbac.PolicyUpdate{Old: mapped(update.Old, rolePolicy.policy), New: mapped(update.New, rolePolicy.policy)})
		switch {
		case err != nil:
			return err
		case changed:
			c.Status(http.StatusOK)
		default:
			c.Status(http.StatusNoContent)
		}
		return nil
	})
}

func (r roleRoutes) deletePolicies(c *call) error {
	return givenOr(c, errNoArray, func(policies []rolePolicy) error {
		return r.service.DeletePolicies(c.Request.Context(), c.principal, c.pathRef(), mapped(policies, rolePolicy.policy))
	})
}

func (r roleRoutes) conditions() []route {
	const one = "/roles/conditions/:id"
	return []route{
		{method: http.MethodGet, path: "/roles/conditions", access: authenticated, looseQuery: true,
			query: []parameter{list("roleEntityRef", "only of this role"), list("pluginId", "only about this plugin"),
				list("resourceType", "only on these resources"), list("actions", "only those about all of these actions")},
			summary: "Lists conditions", serve: ok("the conditions", r.listConditions)},
		{method: http.MethodPost, path: "/roles/conditions", access: authenticated, audit: records(audit.ConditionCreate), command: true, body: describes[rbac.ConditionSpec](),
			summary: "Adds a condition to a role", serve: created("its id", r.createCondition), fails: missingOrConflicting},
		{method: http.MethodGet, path: one, access: authenticated, looseQuery: true,
			summary: "Shows a condition", serve: ok("the condition", r.showCondition), fails: missing},
		{method: http.MethodPut, path: one, access: authenticated, audit: records(audit.ConditionUpdate), command: true, body: describes[rbac.ConditionSpec](),
			summary: "Replaces a condition; with If-Match only as it was read", serve: empty(http.StatusOK, "changed", r.updateCondition), fails: missingConflictingOrStale},
		{method: http.MethodDelete, path: one, access: authenticated, audit: records(audit.ConditionDelete), command: true,
			summary: "Deletes a condition; with If-Match only as it was read", serve: empty(http.StatusNoContent, "done", r.deleteCondition), fails: missingOrStale},
	}
}

func (r roleRoutes) listConditions(c *call) ([]rbac.Condition, error) {
	filter := rbac.ConditionFilter{Role: c.firstQuery("roleEntityRef"), PluginID: c.firstQuery("pluginId"),
		ResourceType: policy.ResourceType(c.firstQuery("resourceType")), Actions: c.queryList("actions")}
	found, err := r.service.Conditions(c.Request.Context(), c.principal, filter)
	if err == nil {
		err = c.refuseNested("roleEntityRef", "pluginId", "resourceType", "actions")
	}
	return orEmpty(found), err
}

// conditionID is the id of a new condition.
type conditionID struct {
	ID int64 `json:"id"`
}

func (r roleRoutes) createCondition(c *call) (conditionID, error) {
	var id conditionID
	err := given(c, func(spec rbac.ConditionSpec) (err error) {
		id.ID, err = r.service.CreateCondition(c.Request.Context(), c.principal, spec)
		return err
	})
	return id, err
}

func (r roleRoutes) showCondition(c *call) (rbac.Condition, error) {
	var found rbac.Condition
	err := c.byID(func(id int64) (err error) {
		found, err = r.service.Condition(c.Request.Context(), c.principal, id)
		c.version(found.Version(), err)
		return withoutMessage(err, fault.NotFound)
	})
	return found, err
}

func (r roleRoutes) updateCondition(c *call) error {
	return c.byID(func(id int64) error {
		return given(c, func(spec rbac.ConditionSpec) error {
			return r.service.UpdateCondition(c.Request.Context(), c.principal, id, spec, c.versionsRead())
		})
	})
}

func (r roleRoutes) deleteCondition(c *call) error {
	return c.byID(func(id int64) error {
		return r.service.DeleteCondition(c.Request.Context(), c.principal, id, c.versionsRead())
	})
}

// The failures of routes that change or delete what the caller has read.
var (
	missingConflictingOrStale = append(slices.Clone(missingOrConflicting), fault.Stale)
	missingOrStale            = append(slices.Clone(missing), fault.Stale)
)

// version sends the version of what was read without an error.
func (c *call) version(version string, err error) {
	if err == nil {
		c.Header("ETag", `"`+version+`"`)
	}
}

// versionsRead are the versions of which the caller has read one; none are all.
func (c *call) versionsRead() []string {
	var versions []string
	for tag := range strings.SplitSeq(strings.Join(c.Request.Header.Values("If-Match"), ","), ",") {
		switch tag = strings.TrimSpace(tag); tag {
		case "":
		case "*":
			return nil
		default:
			versions = append(versions, strings.Trim(tag, `"`))
		}
	}
	return versions
}

// byID calls do with the id in the path. One that is no number is the id of no condition, and a fault of kind
// Input for those who would be told that there is none.
func (c *call) byID(do func(id int64) error) error {
	id, malformed := strconv.ParseInt(c.Param("id"), 10, 64)
	err := do(id)
	if malformed != nil && fault.KindOf(err) == fault.NotFound {
		return fault.Wrap(fault.Input, malformed, "Id is not a valid number.")
	}
	return err
}

func (r roleRoutes) plugins() []route {
	return []route{
		{method: http.MethodGet, path: "/plugins/policies", access: authenticated, looseQuery: true,
			summary: "Lists the permissions of plugins", serve: ok("permissions by plugin", r.pluginPolicies)},
		{method: http.MethodGet, path: "/plugins/condition-rules", access: authenticated, looseQuery: true,
			summary: "Lists the rules of plugins", serve: ok("rules by plugin", r.pluginRules)},
		{method: http.MethodGet, path: "/plugins/id", access: authenticated, looseQuery: true,
			summary: "Lists the plugins whose permissions roles are about", serve: ok("their ids", r.pluginIDs)},
		{method: http.MethodPost, path: "/plugins/id", access: authenticated, audit: records(audit.PluginCreate), command: true, body: describes[pluginIDs](),
			summary: "Adds plugins", serve: ok("all ids", r.addPlugins), fails: conflicting},
		{method: http.MethodDelete, path: "/plugins/id", access: authenticated, audit: records(audit.PluginDelete), command: true, body: describes[pluginIDs](),
			summary: "Removes plugins", serve: ok("the ids that are left", r.removePlugins), fails: missing},
	}
}

// pluginPolicies are the permissions of a plugin, as policies name them.
type pluginPolicies struct {
	PluginID string             `json:"pluginId"`
	Policies []pluginPermission `json:"policies"`
}

type pluginPermission struct {
	ResourceType string `json:"resourceType,omitempty"`
	Name         string `json:"name"`
	Policy       string `json:"policy"`
}

// pluginRules are the rules of conditions on a plugin's resources.
type pluginRules struct {
	PluginID string           `json:"pluginId"`
	Rules    []permissionRule `json:"rules"`
}

// pluginIDs are ids of plugins.
type pluginIDs struct {
	IDs []string `json:"ids"`
}

func (r roleRoutes) pluginPolicies(c *call) ([]pluginPolicies, error) {
	ids, err := r.describedIDs(c)
	return mapped(ids, func(id string) pluginPolicies {
		return pluginPolicies{id, mapped(r.described[id].Permissions, func(p permission) pluginPermission {
			return pluginPermission{p.ResourceType, p.Name, cmp.Or(p.Attributes.Action, "use")}
		})}
	}), err
}

func (r roleRoutes) pluginRules(c *call) ([]pluginRules, error) {
	ids, err := r.describedIDs(c)
	return mapped(ids, func(id string) pluginRules { return pluginRules{id, r.described[id].Rules} }), err
}

// describedIDs are the plugins that Portico serves among those that roles are about.
func (r roleRoutes) describedIDs(c *call) ([]string, error) {
	ids, err := r.service.PluginIDs(c.Request.Context(), c.principal)
	return slices.DeleteFunc(ids, func(id string) bool { return r.described[id].Permissions == nil }), err
}

func (r roleRoutes) pluginIDs(c *call) (pluginIDs, error) {
	ids, err := r.service.PluginIDs(c.Request.Context(), c.principal)
	return pluginIDs{orEmpty(ids)}, err
}

// errNoIDs is the fault of a body without a list of ids.
var errNoIDs = fault.New(fault.Input, "'ids' must be an array of string plugin ID values")

func (r roleRoutes) addPlugins(c *call) (pluginIDs, error) {
	err := givenOr(c, errNoIDs, func(added pluginIDs) error {
		return r.service.AddPluginIDs(c.Request.Context(), c.principal, added.IDs)
	})
	if err != nil {
		return pluginIDs{}, err
	}
	return r.pluginIDs(c)
}

func (r roleRoutes) removePlugins(c *call) (pluginIDs, error) {
	err := givenOr(c, errNoIDs, func(removed pluginIDs) error {
		return r.service.RemovePluginIDs(c.Request.Context(), c.principal, removed.IDs)
	})
	if err != nil {
		return pluginIDs{}, err
	}
	return r.pluginIDs(c)
}

// given calls do with the body. A body that cannot be decoded is refused like an empty one, after do has
// asked for permission, and with the reason.
func given[T any](c *call, do func(input T) error) error { return givenOr(c, nil, do) }

// givenOr is given, with another refusal of a body that cannot be decoded.
func givenOr[T any](c *call, refusal error, do func(input T) error) error {
	var input, nothing T
	malformed := c.decode(&input)
	if malformed == nil {
		return do(input)
	}
	err := do(nothing)
	if fault.KindOf(err) == fault.Input {
		return cmp.Or(refusal, malformed)
	}
	return err
}

// withoutMessage leaves out the message of a fault of one kind: the RBAC plugin has none there, and its clients
// show words of their own.
func withoutMessage(err error, kind fault.Kind) error {
	if fault.KindOf(err) != kind {
		return err
	}
	return fault.Wrap(kind, err, "")
}

// firstQuery is the first value of a parameter that may be repeated.
func (c *call) firstQuery(name string) string {
	values := c.QueryArray(name)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// refuseNested refuses parameters of the form name[key], which Express would read as objects.
func (c *call) refuseNested(names ...string) error {
	for key := range c.Request.URL.Query() {
		name, _, nested := strings.Cut(key, "[")
		if nested && slices.Contains(names, name) {
			return fault.New(fault.Input, "This api doesn't support nested query")
		}
	}
	return nil
}

// mapped converts every element of a list.
func mapped[T, U any](list []T, convert func(T) U) []U {
	converted := make([]U, len(list))
	for i, element := range list {
		converted[i] = convert(element)
	}
	return converted
}
