// Package rbac has roles, as Backstage's RBAC community plugin has them: who holds them, what they allow and
// deny, and under which conditions. Roles come from the configuration, from a CSV file and a YAML file of
// conditions, and from the API. All of them are stored in the database, from which every process loads a
// snapshot. The Decider answers from the snapshot. The Service reads and changes the roles for a principal.
package rbac

import (
	"encoding/json"
	"time"

	"github.com/portico-dev/portico/policy"
)

// Source is where a role comes from. Only its source can change it.
type Source string

// The sources of roles.
const (
	FromREST          Source = "rest"
	FromFile          Source = "csv-file"
	FromConfiguration Source = "configuration"
)

// Role is a role with its members.
type Role struct {
	// Ref is the role's reference, such as role:default/developers. Capitals in its name count.
	Ref string `json:"name"`
	// Members are references of users and groups, in lower case, in the order in which they were added.
	Members  []string `json:"memberReferences"`
	Metadata Metadata `json:"metadata"`
}

// Metadata says where a role comes from. Description and Owner are nil where the source has none.
type Metadata struct {
	Source       Source    `json:"source"`
	Description  *string   `json:"description"`
	Owner        *string   `json:"owner"`
	Author       string    `json:"author"`
	ModifiedBy   string    `json:"modifiedBy"`
	CreatedAt    time.Time `json:"createdAt"`
	LastModified time.Time `json:"lastModified"`
	// IsDefault is true for the role that everybody has (permission.rbac.defaultPermissions).
	IsDefault bool `json:"isDefault"`
}

// Policy allows or denies a role one permission. It is one line "p" of a CSV file.
type Policy struct {
	Role string `json:"entityReference"`
	// Permission is the name of a permission, or a resource type.
	Permission string `json:"permission"`
	// Action is create, read, update or delete, or use for permissions without an action.
	Action string `json:"policy"`
	// Effect is Allow or Deny.
	Effect string `json:"effect"`
}

// actions are the actions of policies, in the order in which messages list them.
var actions = []string{"create", "read", "update", "delete", noAction}

// noAction is the action of a permission without one.
const noAction = "use"

// The effects of policies.
const (
	Allow = "allow"
	Deny  = "deny"
)

// Condition allows a role some permissions on the resources of one type that meet criteria.
type Condition struct {
	ID int64 `json:"id"`
	ConditionSpec
}

// ConditionSpec is a condition as the API and the documents of a file have it.
type ConditionSpec struct {
	// Result is always CONDITIONAL.
	Result       policy.Result       `json:"result"`
	Role         string              `json:"roleEntityRef"`
	PluginID     string              `json:"pluginId"`
	ResourceType policy.ResourceType `json:"resourceType"`
	// Permissions are what the condition is about.
	Permissions []ConditionPermission `json:"permissionMapping"`
	// Criteria is a policy.Criteria, in which the param $currentUser is the caller's reference, and the
	// element $ownerRefs of a list all the caller's ownership references.
	Criteria json.RawMessage `json:"conditions"`
}

// ConditionPermission is an action, for all permissions of the resource type with this action, or one named
// permission with its action.
type ConditionPermission struct {
	// Name is the permission's name, "" for all of them.
	Name   string
	Action string
}

// MarshalJSON is the action alone, or an object {name, action}.
func (p ConditionPermission) MarshalJSON() ([]byte, error) {
	if p.Name == "" {
		return json.Marshal(p.Action)
	}
	return json.Marshal(namedPermission(p))
}

// UnmarshalJSON reads both forms.
func (p *ConditionPermission) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		p.Name = ""
		return json.Unmarshal(text, &p.Action)
	}
	var named namedPermission
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	p.Name, p.Action = named.Name, named.Action
	return nil
}

type namedPermission struct {
	Name   string `json:"name"`
	Action string `json:"action"`
}

// Checker checks criteria against the rules of one resource type. A policy.Rules is one.
type Checker interface {
	Type() policy.ResourceType
	Check(criteria policy.Criteria) error
}

// Conditional is a resource type on which conditions can be put: the id of its plugin, and its rules.
type Conditional struct {
	Plugin string
	Rules  Checker
}

// Limits bound conditions and the file with conditions.
type Limits struct {
	// Depth is how many levels of criteria there may be, Nodes how many criteria in all, and Items how many
	// in one anyOf or allOf.
	Depth, Nodes, Items int
	// FileBytes and Documents bound a file of conditions.
	FileBytes, Documents int
}

// DefaultLimits are those of the RBAC plugin.
func DefaultLimits() Limits {
	return Limits{Depth: 12, Nodes: 256, Items: 64, FileBytes: 1 << 20, Documents: 1000}
}
