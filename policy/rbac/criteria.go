package rbac

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// criteriaParser reads criteria from JSON within limits. Its faults have the RBAC plugin's messages, which
// name the place in the criteria.
type criteriaParser struct {
	limits Limits
	nodes  int
}

// ParseCriteria reads criteria from JSON within limits. What is wrong with them is a fault of kind Input. Rules and
// params are not checked.
func ParseCriteria(text json.RawMessage, limits Limits) (policy.Criteria, error) {
	parser := criteriaParser{limits: limits}
	return parser.parse(text, "conditions", 1)
}

// parseCriteria reads the criteria of a condition of a role.
func parseCriteria(text json.RawMessage, limits Limits) (policy.Criteria, error) {
	parser := criteriaParser{limits: limits}
	return parser.parse(text, "roleCondition.conditions", 1)
}

// hasNUL reports whether a string in JSON has a NUL character, which Postgres cannot compare with. A \u0000 after
// an escaped backslash is none.
func hasNUL(text json.RawMessage) bool {
	return slices.ContainsFunc(jsonEscape.FindAll(text, -1), func(escape []byte) bool { return string(escape) == `\u0000` })
}

var jsonEscape = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|.)`)

func (p *criteriaParser) parse(text json.RawMessage, at string, depth int) (policy.Criteria, error) {
	p.nodes++
	switch {
	case depth > p.limits.Depth:
		return policy.Criteria{}, fault.New(fault.Input, "Conditional criteria depth exceeds maximum of %d", p.limits.Depth)
	case p.nodes > p.limits.Nodes:
		return policy.Criteria{}, fault.New(fault.Input, "Conditional criteria exceeds maximum of %d nodes", p.limits.Nodes)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil || given == nil {
		return policy.Criteria{}, fault.New(fault.Input, "%s must be an object", at)
	}
	form, err := formOf(given, at)
	if err != nil {
		return policy.Criteria{}, err
	}
	switch form {
	case "anyOf":
		list, err := p.list(given[form], at+"."+form, depth)
		return policy.Criteria{AnyOf: list}, err
	case "allOf":
		list, err := p.list(given[form], at+"."+form, depth)
		return policy.Criteria{AllOf: list}, err
	case "not":
		inner, err := p.parse(given[form], at+"."+form, depth+1)
		return policy.Criteria{Not: &inner}, err
	default:
		return rule(given, at)
	}
}

// formOf is the one of anyOf, allOf and not that an object has, "" for a rule.
func formOf(given map[string]json.RawMessage, at string) (string, error) {
	var forms []string
	for _, form := range []string{"allOf", "anyOf", "not"} {
		if _, has := given[form]; has {
			forms = append(forms, form)
		}
	}
	rule, hasRule := given["rule"]
	switch {
	case len(forms) > 1:
		return "", fault.New(fault.Input, "RBAC plugin does not support parallel conditions, consider reworking request to include nested condition criteria. Conditional criteria causing the error %s.", strings.Join(forms, ","))
	case len(forms) == 1 && hasRule:
		return "", fault.New(fault.Input, "RBAC plugin does not support parallel conditions alongside rules, consider reworking request to include nested condition criteria. Conditional criteria causing the error %s, 'rule: %s'.", forms[0], rule)
	case len(forms) == 1:
		return forms[0], nil
	}
	for _, field := range []string{"resourceType", "rule"} {
		if _, has := given[field]; !has {
			return "", fault.New(fault.Input, "'%s' must be specified in the %s.condition", field, at)
		}
	}
	return "", nil
}

func (p *criteriaParser) list(text json.RawMessage, at string, depth int) ([]policy.Criteria, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(text, &elements); err != nil || len(elements) == 0 {
		return nil, fault.New(fault.Input, "%s criteria must be non empty array", at)
	}
	if len(elements) > p.limits.Items {
		return nil, fault.New(fault.Input, "%s criteria supports at most %d items", at, p.limits.Items)
	}
	list := make([]policy.Criteria, len(elements))
	for i, element := range elements {
		var err error
		if list[i], err = p.parse(element, fmt.Sprintf("%s[%d]", at, i), depth+1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func rule(given map[string]json.RawMessage, at string) (policy.Criteria, error) {
	var criteria policy.Criteria
	if json.Unmarshal(given["rule"], &criteria.Rule) != nil || criteria.Rule == "" {
		return policy.Criteria{}, fault.New(fault.Input, "'rule' must be a name in the %s.condition", at)
	}
	if json.Unmarshal(given["resourceType"], &criteria.ResourceType) != nil || criteria.ResourceType == "" {
		return policy.Criteria{}, fault.New(fault.Input, "'resourceType' must be a name in the %s.condition", at)
	}
	criteria.Params = given["params"]
	return criteria, nil
}

// The aliases in params. The caller's reference can stand anywhere, the caller's ownership references only in
// a list.
const (
	aliasUser   = "$currentUser"
	aliasOwners = "$ownerRefs"
)

// forPrincipal replaces the aliases in all params.
func forPrincipal(criteria policy.Criteria, principal identity.Principal) (policy.Criteria, error) {
	var err error
	replace := func(list []policy.Criteria) []policy.Criteria {
		list = slices.Clone(list)
		for i := range list {
			if err == nil {
				list[i], err = forPrincipal(list[i], principal)
			}
		}
		return list
	}
	criteria.AnyOf, criteria.AllOf = replace(criteria.AnyOf), replace(criteria.AllOf)
	if criteria.Not != nil && err == nil {
		var inner policy.Criteria
		inner, err = forPrincipal(*criteria.Not, principal)
		criteria.Not = &inner
	}
	if err == nil {
		criteria.Params, err = paramsFor(criteria.Params, principal)
	}
	return criteria, err
}

func paramsFor(params json.RawMessage, principal identity.Principal) (json.RawMessage, error) {
	if !bytes.Contains(params, []byte(aliasUser)) && !bytes.Contains(params, []byte(aliasOwners)) {
		return params, nil
	}
	var value any
	if err := decodeExactly(params, &value); err != nil {
		return nil, fmt.Errorf("decode the params: %w", err)
	}
	return json.Marshal(replaceAliases(value, principal))
}

func replaceAliases(value any, principal identity.Principal) any {
	switch value := value.(type) {
	case string:
		if value == aliasUser {
			return principal.Subject
		}
		return value
	case map[string]any:
		for key, inner := range value {
			value[key] = replaceAliases(inner, principal)
		}
		return value
	case []any:
		replaced := make([]any, 0, len(value))
		for _, inner := range value {
			if inner == aliasOwners {
				for _, ref := range principal.Ownership {
					replaced = append(replaced, ref)
				}
				continue
			}
			replaced = append(replaced, replaceAliases(inner, principal))
		}
		return replaced
	default:
		return value
	}
}
