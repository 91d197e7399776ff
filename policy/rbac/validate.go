package rbac

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy"
)

// maxPermissionLength bounds the permission of a policy, in bytes.
const maxPermissionLength = 256

// checkPolicy returns a fault of kind Input for a policy that could never count.
func checkPolicy(p Policy) error {
	for _, field := range []struct{ name, value string }{
		{"entityReference", p.Role}, {"permission", p.Permission}, {"policy", p.Action}, {"effect", p.Effect},
	} {
		if field.value == "" {
			return fault.New(fault.Input, "'%s' field must not be empty", field.name)
		}
	}
	switch {
	case strings.Contains(p.Permission, `"`):
		return fault.New(fault.Input, `'permission' contains double quotes (") which are not supported by the RBAC policy persistence format.`)
	case len(p.Permission) > maxPermissionLength || strings.ContainsFunc(p.Permission, isUnprintable):
		return fault.New(fault.Input, "'permission' must be at most %d printable characters", maxPermissionLength)
	case !slices.Contains(actions, p.Action):
		return fault.New(fault.Input, "'policy' has invalid value: '%s'. It should be one of: %s", p.Action, strings.Join(actions, ", "))
	case p.Effect != Allow && p.Effect != Deny:
		return fault.New(fault.Input, "'effect' has invalid value: '%s'. It should be: 'allow' or 'deny'", p.Effect)
	}
	return nil
}

func isUnprintable(c rune) bool { return c < ' ' || c == 0x7f }

func (p Policy) String() string {
	return fmt.Sprintf("[%s, %s, %s, %s]", p.Role, p.Permission, p.Action, p.Effect)
}

// checkedCondition is a condition whose criteria have been read and checked.
type checkedCondition struct {
	Condition
	criteria policy.Criteria
}

// checkCondition returns a fault of kind Input for a condition with a wrong form, with rules that its
// resource type does not have, or with params that a rule does not take. Whether its role exists is not
// checked.
func (r *rulebook) checkCondition(c ConditionSpec) (checkedCondition, error) {
	if err := checkConditionFields(c); err != nil {
		return checkedCondition{}, err
	}
	if err := checkRef(c.Role, kindRole); err != nil {
		return checkedCondition{}, err
	}
	if hasNUL(c.Criteria) {
		return checkedCondition{}, fault.New(fault.Input, "the conditions must not contain a NUL character (\\u0000)")
	}
	criteria, err := parseCriteria(c.Criteria, r.limits)
	if err != nil {
		return checkedCondition{}, err
	}
	conditional, known := r.types[c.ResourceType]
	switch {
	case !known:
		return checkedCondition{}, fault.New(fault.Input, "there are no conditions on the resource type '%s'; they can be put on %s", c.ResourceType, strings.Join(r.names, ", "))
	case conditional.Plugin != c.PluginID:
		return checkedCondition{}, fault.New(fault.Input, "the resource type '%s' belongs to the plugin '%s', not to '%s'", c.ResourceType, conditional.Plugin, c.PluginID)
	}
	if err := conditional.Rules.Check(criteria); err != nil {
		return checkedCondition{}, fault.Wrap(fault.Input, err, "invalid conditions: %s", err)
	}
	return checkedCondition{Condition{ConditionSpec: c}, criteria}, nil
}

func checkConditionFields(c ConditionSpec) error {
	for _, field := range []struct{ name, value string }{
		{"roleEntityRef", c.Role}, {"result", string(c.Result)}, {"pluginId", c.PluginID}, {"resourceType", string(c.ResourceType)},
	} {
		if field.value == "" {
			return fault.New(fault.Input, "'%s' must be specified in the role condition", field.name)
		}
	}
	if c.Result != policy.Conditional {
		return fault.New(fault.Input, "'result' must be %s in the role condition", policy.Conditional)
	}
	if err := checkConditionPermissions(c); err != nil {
		return err
	}
	if len(c.Criteria) == 0 || string(c.Criteria) == "null" {
		return fault.New(fault.Input, "'conditions' must be specified in the role condition")
	}
	return nil
}

func checkConditionPermissions(c ConditionSpec) error {
	switch {
	case len(c.Permissions) == 0:
		return fault.New(fault.Input, "'permissionMapping' must be non empty array in the role condition")
	case len(c.Permissions) > len(actions):
		return fault.New(fault.Input, "'permissionMapping' can have at most %d items (one entry per distinct permission action)", len(actions))
	}
	var seen []string
	for _, entry := range c.Permissions {
		switch {
		case (entry.Name == "") != (c.Permissions[0].Name == ""):
			return fault.New(fault.Input, "'permissionMapping' must be either all action strings or all {name, action} objects, not a mix")
		case !slices.Contains(actions, entry.Action):
			return fault.New(fault.Input, "'permissionMapping' array contains non action value: '%s'", entry.Action)
		case slices.Contains(seen, entry.Action):
			return fault.New(fault.Input, "'permissionMapping' must not contain duplicate permission action '%s'", entry.Action)
		case c.ResourceType == policy.PolicyEntity && entry.Action == "create":
			return fault.New(fault.Input, "Conditional policy can not be created for resource type 'policy-entity' with the permission action 'create'")
		case len(entry.Name) > maxPermissionLength || strings.ContainsFunc(entry.Name, isUnprintable):
			return fault.New(fault.Input, "a name in 'permissionMapping' must be at most %d printable characters", maxPermissionLength)
		}
		seen = append(seen, entry.Action)
	}
	return nil
}

// about reports whether a condition is about a permission on its resource type.
func (c ConditionSpec) about(permission, action string) bool {
	return slices.ContainsFunc(c.Permissions, func(entry ConditionPermission) bool {
		return entry.Action == action && (entry.Name == permission || entry.Name == "" && !countsByNameOnly(permission))
	})
}

// countsByNameOnly reports whether policies on the resource type, and conditions on an action, leave a permission
// out: roles that were written for Backstage mean Backstage's permissions by them.
func countsByNameOnly(permission string) bool { return policy.Permission(permission).Deputy() != "" }

// overlap lists the permissions that two conditions of one role are both about.
func overlap(a, b ConditionSpec) []string {
	var both []string
	if a.Role != b.Role || a.ResourceType != b.ResourceType {
		return nil
	}
	for _, mine := range a.Permissions {
		for _, other := range b.Permissions {
			if mine.Action != other.Action || mine.Name != "" && other.Name != "" && mine.Name != other.Name {
				continue
			}
			if mine.Name != other.Name && countsByNameOnly(cmp.Or(mine.Name, other.Name)) {
				continue
			}
			if name := cmp.Or(mine.Name, other.Name); name != "" {
				both = append(both, "permission '"+name+"'")
			} else {
				both = append(both, "action '"+mine.Action+"'")
			}
		}
	}
	return both
}

// sameAs compares conditions whose criteria may be written differently.
func (c ConditionSpec) sameAs(other ConditionSpec) bool {
	return c.Role == other.Role && c.PluginID == other.PluginID && c.ResourceType == other.ResourceType &&
		slices.Equal(c.Permissions, other.Permissions) && sameJSON(c.Criteria, other.Criteria)
}

// sameJSON compares JSON without regard to white space and the order of members. Numbers are the same if they are
// written alike.
func sameJSON(a, b json.RawMessage) bool {
	var mine, other any
	return decodeExactly(a, &mine) == nil && decodeExactly(b, &other) == nil && reflect.DeepEqual(mine, other)
}

// decodeExactly decodes JSON, and leaves numbers as they are written.
func decodeExactly(text json.RawMessage, value *any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(value)
}

// rulebook is the resource types on which conditions can be put, and the bounds of conditions.
type rulebook struct {
	limits Limits
	types  map[policy.ResourceType]Conditional
	names  []string
}

func newRulebook(limits Limits, conditional []Conditional) *rulebook {
	book := &rulebook{limits: limits, types: map[policy.ResourceType]Conditional{}}
	for _, each := range conditional {
		book.types[each.Rules.Type()] = each
		book.names = append(book.names, string(each.Rules.Type()))
	}
	slices.Sort(book.names)
	return book
}
