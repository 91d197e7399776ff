package config

// Permission enables the permission system.
type Permission struct {
	Enabled bool `yaml:"enabled"`
	// RBAC is nil when there are no roles: every signed-in user may do everything then.
	RBAC *RBAC `yaml:"rbac"`
}

// RBAC configures roles, with the keys of Backstage's RBAC plugin.
type RBAC struct {
	// PoliciesFile is a CSV file of roles, ConditionsFile a YAML file of conditions; "" is none.
	PoliciesFile   string    `yaml:"policies-csv-file"`
	ConditionsFile string    `yaml:"conditionalPoliciesFile"`
	FileReload     bool      `yaml:"policyFileReload"`
	Admin          RBACAdmin `yaml:"admin"`
	Plugins        []string  `yaml:"pluginsWithPermission"`
	MaxDepth       int       `yaml:"maxDepth"`
	// Precedence is PrecedenceBasic or PrecedenceConditional.
	Precedence string `yaml:"policyDecisionPrecedence"`
	// Default is nil when there is no role that everybody has.
	Default                *DefaultPermissions `yaml:"defaultPermissions"`
	UseOwnershipEntityRefs bool                `yaml:"useOwnershipEntityRefs"`
	Validation             RBACValidation      `yaml:"validation"`
}

// What decides first.
const (
	PrecedenceBasic       = "basic"
	PrecedenceConditional = "conditional"
)

// RBACAdmin lists those who may change roles, and those who may do everything.
type RBACAdmin struct {
	Users      []EntityName `yaml:"users"`
	SuperUsers []EntityName `yaml:"superUsers"`
}

// EntityName is the reference of a user or a group.
type EntityName struct {
	Name string `yaml:"name"`
}

// DefaultPermissions is the role that everybody has.
type DefaultPermissions struct {
	Role        string            `yaml:"defaultRole"`
	Permissions []BasicPermission `yaml:"basicPermissions"`
}

// BasicPermission is a permission, or a resource type, and an action.
type BasicPermission struct {
	Permission string `yaml:"permission"`
	Action     string `yaml:"action"`
}

// RBACValidation bounds conditions and their file.
type RBACValidation struct {
	Conditions     ConditionLimits     `yaml:"conditionalPolicies"`
	ConditionsFile ConditionFileLimits `yaml:"conditionalPoliciesFile"`
}

// ConditionLimits bound one condition.
type ConditionLimits struct {
	Depth int `yaml:"maxConditionDepth"`
	Nodes int `yaml:"maxConditionNodeCount"`
	Items int `yaml:"maxCriteriaItems"`
}

// ConditionFileLimits bound the file of conditions.
type ConditionFileLimits struct {
	Bytes     int `yaml:"maxBytes"`
	Documents int `yaml:"maxDocuments"`
}
