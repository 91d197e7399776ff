package api

import (
	"cmp"
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// NewRoleEditorPlugin serves the part of /api/portico with which the portal shows and changes roles: a role is read
// and saved as a whole, so that a change is made completely or not at all.
func NewRoleEditorPlugin(service *rbac.Service) Plugin {
	e := roleEditor{service}
	const one = "/v1/policy/roles/:namespace/:name"
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/policy/access", access: authenticated,
			summary: "Says what the caller may do with roles", serve: ok("a decision for each", e.access)},
		{method: http.MethodGet, path: "/v1/policy/roles", access: authenticated,
			summary: "Lists roles with the numbers of their members, policies and conditions", serve: ok("the roles", e.list)},
		{method: http.MethodGet, path: one, access: authenticated,
			summary: "Shows a role with all that belongs to it, and the lines of files that it comes from", serve: ok("the role", e.show), fails: missing},
		{method: http.MethodPut, path: one, access: authenticated, audit: records(audit.RoleUpdate), command: true, body: describes[rbac.RoleDraft](),
			summary: "Creates a role, or changes all of it at once", serve: empty(http.StatusNoContent, "saved", e.save), fails: missingOrConflicting},
	}}
}

type roleEditor struct{ service *rbac.Service }

// roleAccess is what the caller may do with roles at all. A conditional decision depends on the role.
type roleAccess struct {
	Read   policy.Result `json:"read"`
	Create policy.Result `json:"create"`
}

func (e roleEditor) access(c *call) (roleAccess, error) {
	may, err := e.service.Access(c.Request.Context(), c.principal)
	return roleAccess(may), err
}

type roleList struct {
	Roles []roleSummary `json:"roles"`
}

// roleSummary is an rbac.RoleSummary.
type roleSummary struct {
	Name        string      `json:"name"`
	Source      rbac.Source `json:"source"`
	Description string      `json:"description,omitempty"`
	Owner       string      `json:"owner,omitempty"`
	// IsDefault says that everybody has the role.
	IsDefault  bool `json:"isDefault"`
	Members    int  `json:"members"`
	Policies   int  `json:"policies"`
	Conditions int  `json:"conditions"`
}

func (e roleEditor) list(c *call) (roleList, error) {
	found, err := e.service.Summaries(c.Request.Context(), c.principal)
	return roleList{mapped(found, func(r rbac.RoleSummary) roleSummary {
		m := r.Metadata
		return roleSummary{r.Ref, m.Source, textOf(m.Description), textOf(m.Owner), m.IsDefault, len(r.Members), r.Policies, r.Conditions}
	})}, err
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// wholeRole is an rbac.WholeRole.
type wholeRole struct {
	Name         string      `json:"name"`
	Source       rbac.Source `json:"source"`
	Description  string      `json:"description"`
	Owner        string      `json:"owner"`
	Author       string      `json:"author"`
	ModifiedBy   string      `json:"modifiedBy"`
	CreatedAt    string      `json:"createdAt"`
	LastModified string      `json:"lastModified"`
	// IsDefault says that everybody has the role.
	IsDefault  bool                   `json:"isDefault"`
	Members    []roleMember           `json:"members"`
	Policies   []rbac.PlacedPolicy    `json:"policies"`
	Conditions []rbac.PlacedCondition `json:"conditions"`
	Version    string                 `json:"version"    jsonschema_description:"changes with every change of the role; a save sends it back"`
	MayUpdate  bool                   `json:"mayUpdate"`
	MayDelete  bool                   `json:"mayDelete"`
	rbac.Place
}

type roleMember struct {
	EntityRef string `json:"entityRef"`
	rbac.Place
}

func asWholeRole(r rbac.WholeRole) wholeRole {
	m := r.Metadata
	members := make([]roleMember, len(r.Members))
	for i, member := range r.Members {
		members[i] = roleMember{member, r.MemberPlaces[i]}
	}
	return wholeRole{r.Ref, m.Source, textOf(m.Description), textOf(m.Owner), m.Author, m.ModifiedBy, isoTime(m.CreatedAt), isoTime(m.LastModified),
		m.IsDefault, members, r.Policies, r.Conditions, r.Version, r.MayUpdate, r.MayDelete, r.Place}
}

func (c *call) namedRole() string { return "role:" + c.Param("namespace") + "/" + c.Param("name") }

func (e roleEditor) show(c *call) (wholeRole, error) {
	found, err := e.service.WholeRole(c.Request.Context(), c.principal, c.namedRole())
	c.version(found.Version, err)
	if err != nil {
		return wholeRole{}, err
	}
	return asWholeRole(found), nil
}

// save takes the role from the path. A draft with another name renames it.
func (e roleEditor) save(c *call) error {
	return given(c, func(draft rbac.RoleDraft) error {
		draft.OldRef = c.namedRole()
		draft.Ref = cmp.Or(draft.Ref, draft.OldRef)
		return e.service.SaveRole(c.Request.Context(), c.principal, draft)
	})
}
