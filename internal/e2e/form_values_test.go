package e2e_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/dlclark/regexp2"
)

// formFiller makes up what a person would enter into the form of a template.
type formFiller struct {
	// name is what new things are called, and repoURL is a repository that does not exist yet.
	name, repoURL string
	// refs are entities of the catalog by kind.
	refs map[string]string
	// secrets are what the form puts into the run's secrets.
	secrets map[string]string
}

// formSchema is a JSON Schema of a form, as the API answers it.
type formSchema = map[string]any

// fill makes values for the pages of a form.
func (f *formFiller) fill(pages []formSchema) map[string]any {
	values := map[string]any{}
	for _, page := range pages {
		maps.Copy(values, f.object(page))
	}
	return values
}

// object has a value for each property, and for those that others bring with them.
func (f *formFiller) object(of formSchema) map[string]any {
	values := map[string]any{}
	f.properties(of, values)
	dependencies, _ := of["dependencies"].(formSchema)
	for _, name := range slices.Sorted(maps.Keys(dependencies)) {
		branches, _ := dependencies[name].(formSchema)
		if _, given := values[name]; !given || branches == nil {
			continue
		}
		maps.Copy(values, f.added(branches, values))
		f.choose(branches, name, values)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		f.choose(formSchema{"oneOf": of[key]}, "", values)
	}
	list, _ := of["allOf"].([]any)
	for _, one := range list {
		if part, is := one.(formSchema); is {
			maps.Copy(values, f.object(f.taken(part, values)))
		}
	}
	return values
}

// taken is the branch of an if that the values take; other schemas are themselves.
func (f *formFiller) taken(part formSchema, values map[string]any) formSchema {
	condition, is := part["if"].(formSchema)
	if !is {
		return part
	}
	branch := "else"
	if fits(condition, values) {
		branch = "then"
	}
	chosen, _ := part[branch].(formSchema)
	return chosen
}

func (f *formFiller) properties(of formSchema, into map[string]any) {
	properties, _ := of["properties"].(formSchema)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property, is := properties[name].(formSchema)
		if _, given := into[name]; given || !is {
			continue
		}
		if value := f.value(name, property); value != nil {
			into[name] = value
		}
	}
}

// added are the values of a part of a form that are not there yet.
func (f *formFiller) added(part formSchema, values map[string]any) map[string]any {
	added := f.object(part)
	maps.DeleteFunc(added, func(name string, _ any) bool { _, given := values[name]; return given })
	return added
}

// choose takes the first branch that fits what was entered for a field. Where none does, the field gets what the first one wants.
func (f *formFiller) choose(of formSchema, field string, values map[string]any) {
	var branches []formSchema
	list, _ := of["oneOf"].([]any)
	for _, one := range list {
		if branch, is := one.(formSchema); is {
			branches = append(branches, branch)
		}
	}
	if len(branches) == 0 {
		return
	}
	chosen := slices.IndexFunc(branches, func(branch formSchema) bool { return field == "" || fits(branch, map[string]any{field: values[field]}) })
	if chosen < 0 {
		chosen = 0
		properties, _ := branches[0]["properties"].(formSchema)
		wanted, _ := properties[field].(formSchema)
		delete(wanted, "default")
		values[field] = f.value(field, wanted)
	}
	maps.Copy(values, f.added(branches[chosen], values))
}

// fits reports whether values have the const, or one of the enum, of each property that they and the formSchema name.
func fits(of formSchema, values map[string]any) bool {
	properties, _ := of["properties"].(formSchema)
	for name, value := range values {
		property, is := properties[name].(formSchema)
		if !is {
			continue
		}
		if wanted, has := property["const"]; has && fmt.Sprint(wanted) != fmt.Sprint(value) {
			return false
		}
		if allowed, has := property["enum"].([]any); has && !slices.ContainsFunc(allowed, func(one any) bool { return fmt.Sprint(one) == fmt.Sprint(value) }) {
			return false
		}
	}
	return true
}

// hasType reports whether a default is of the type that is declared beside it: some are not.
func hasType(value any, kind any) bool {
	_, isText := value.(string)
	_, isObject := value.(formSchema)
	return kind != "string" || isText && !isObject
}

func (f *formFiller) value(name string, of formSchema) any {
	if value, known := f.picked(of); known {
		return value
	}
	if value, has := of["default"]; has && value != "" && hasType(value, of["type"]) {
		return value
	}
	if value, has := of["const"]; has {
		return value
	}
	if allowed, is := of["enum"].([]any); is && len(allowed) > 0 {
		return allowed[0]
	}
	kind := of["type"]
	if several, is := kind.([]any); is && len(several) > 0 {
		kind = several[0]
	}
	switch kind {
	case "boolean":
		return false
	case "integer", "number":
		if least, is := of["minimum"].(float64); is {
			return least
		}
		return 1
	case "array":
		items, _ := of["items"].(formSchema)
		if one := f.value(name, items); one != nil && (of["minItems"] != nil || items["enum"] == nil) {
			return []any{one}
		}
		return []any{}
	case "object":
		return f.object(of)
	case "null":
		return nil
	default:
		return f.text(name, of)
	}
}

// picked is what a picker of Backstage would answer.
func (f *formFiller) picked(of formSchema) (value any, known bool) {
	options, _ := of["ui:options"].(formSchema)
	switch of["ui:field"] {
	case "RepoUrlPicker", "RepositoryPicker":
		if asked, is := options["requestUserCredentials"].(formSchema); is {
			f.secrets[fmt.Sprint(asked["secretsKey"])] = f.secrets["token"]
		}
		return f.repoURL, true
	case "RepoBranchPicker":
		return "main", true
	case "OwnerPicker", "OwnedEntityPicker", "MyGroupsPicker", "GroupPicker", "GroupListPicker":
		return f.refs["group"], true
	case "EntityPicker", "MultiEntityPicker":
		picked := any(f.refs[wantedKind(options)])
		if of["ui:field"] == "MultiEntityPicker" {
			picked = []any{picked}
		}
		return picked, true
	case "EntityNamePicker", "ValidateKebabCase":
		return f.name, true
	case "EntityTagsPicker", "LabelPicker", "tagsPicker":
		return []any{"java"}, true
	case "Secret":
		return "a-secret-value", true
	}
	return nil, false
}

// wantedKind is the first kind of entities that a picker lists.
func wantedKind(options formSchema) string {
	kinds, _ := options["allowedKinds"].([]any)
	filters, is := options["catalogFilter"].([]any)
	if !is {
		filters = []any{options["catalogFilter"]}
	}
	for _, one := range filters {
		filter, _ := one.(formSchema)
		if several, is := filter["kind"].([]any); is {
			kinds = append(kinds, several...)
		} else if filter["kind"] != nil {
			kinds = append(kinds, filter["kind"])
		}
	}
	if len(kinds) == 0 {
		return "component"
	}
	return strings.ToLower(fmt.Sprint(kinds[0]))
}

// text is the first of some texts that a pattern and its bounds allow, "" for none.
func (f *formFiller) text(name string, of formSchema) any {
	candidates := []string{}
	if examples, is := of["examples"].([]any); is {
		for _, example := range examples {
			candidates = append(candidates, fmt.Sprint(example))
		}
	}
	lower := strings.ToLower(name)
	if ownerField.MatchString(name) {
		candidates = append(candidates, organization)
	}
	for part, value := range map[string]string{"url": "https://example.com", "email": "ann@example.com", "port": "8080", "package": "com.example.app",
		"region": "us-east-1", "account": "123456789012", "cidr": "10.0.0.0/16", "version": "1.0.0", "branch": "main", "image": "quay.io/demo/app"} {
		if strings.Contains(lower, part) || of["format"] == part {
			candidates = append(candidates, value)
		}
	}
	candidates = append(candidates, f.name, "demo", "Demo", "DEMO", "com.example.app", "1.0.0", "8080", "10", "1Gi", "10.0.0.0/16", "https://example.com", "ann@example.com",
		"123456789012", "2026-01-31", "my_demo", "demo.example.com", "@demo/app", "arn:aws:iam::123456789012:role/demo", "JIRA-1", "a")
	candidates = append(candidates, f.ofPattern(fmt.Sprint(of["pattern"]))...)
	pattern, err := regexp2.Compile(fmt.Sprint(of["pattern"]), regexp2.ECMAScript)
	for _, candidate := range candidates {
		most, bounded := of["maxLength"].(float64)
		least, _ := of["minLength"].(float64)
		if bounded && len(candidate) > int(most) || len(candidate) < int(least) {
			continue
		}
		if of["pattern"] == nil {
			return candidate
		}
		if err == nil {
			if matches, _ := pattern.MatchString(candidate); matches {
				return candidate
			}
		}
	}
	return nil
}

var (
	// ownerField is a field for the owner of a repository, and lastWord the word with which a pattern wants names to end.
	ownerField = regexp.MustCompile(`(?i)^(org|organization|owner|.*(repo|git|github).*(org|owner).*|orgName)$`)
	lastWord   = regexp.MustCompile(`-(\w+)\$$`)
)

// ofPattern are texts made from a pattern: names that end with its last word.
func (f *formFiller) ofPattern(pattern string) []string {
	if found := lastWord.FindStringSubmatch(pattern); found != nil {
		return []string{f.name + "-" + found[1], "demo-" + found[1]}
	}
	return nil
}
