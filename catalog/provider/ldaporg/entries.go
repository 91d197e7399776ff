package ldaporg

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

// Backstage's annotations.
const (
	annotationDN   = "backstage.io/ldap-dn"
	annotationRDN  = "backstage.io/ldap-rdn"
	annotationUUID = "backstage.io/ldap-uuid"
)

// search is one search of the configuration, and what its entries mean.
type search struct {
	kind     string
	request  ldap.SearchRequest
	pageSize uint32
	set      []setting
	names    config.LDAPGroupNames
}

// setting is a value that all entities of a search have.
type setting struct {
	path  []string
	value any
}

var scopes = map[string]int{"base": ldap.ScopeBaseObject, "one": ldap.ScopeSingleLevel, "sub": ldap.ScopeWholeSubtree}

// aroundParentheses is white space that Backstage takes out of filters of several lines.
var aroundParentheses = regexp.MustCompile(`\s*([()])`)

func newSearch(kind string, configured config.LDAPSearch, names config.LDAPGroupNames) (search, error) {
	options := configured.Options
	filter := strings.TrimSpace(aroundParentheses.ReplaceAllString(options.Filter, "$1"))
	if filter == "" {
		filter = "(objectClass=*)"
	}
	if _, err := ldap.CompileFilter(filter); err != nil {
		return search{}, fault.New(fault.Input, "options.filter is not a filter of LDAP: %s", err)
	}
	if _, err := ldap.ParseDN(configured.DN); err != nil {
		return search{}, fault.New(fault.Input, "dn is not a distinguished name: %s", err)
	}
	made := search{kind: kind, names: names, request: ldap.SearchRequest{
		BaseDN: configured.DN, Scope: scopes[options.Scope], DerefAliases: options.DerefAliases, SizeLimit: options.SizeLimit,
		TimeLimit: options.TimeLimit, Filter: filter, Attributes: options.Attributes,
	}}
	if options.Paged.Enabled {
		made.pageSize = uint32(options.Paged.PageSize)
	}
	for _, path := range slices.Sorted(maps.Keys(configured.Set)) {
		if strings.ContainsAny(path, "[]") {
			return search{}, fault.New(fault.Input, "set.%s: a path has names with dots between them, and no brackets", path)
		}
		made.set = append(made.set, setting{strings.Split(path, "."), configured.Set[path]})
	}
	return made, nil
}

// entry is an entry of the directory as an entity whose relations are not set, and the names with which others
// refer to it.
type entry struct {
	entity entity.Entity
	dn     string
	// names are the distinguished name, the relative one and the UUID, in the form of normalize.
	names []string
	// memberOf and members are names of other entries.
	memberOf, members []string
}

func (s search) entry(raw *ldap.Entry, named names, lowerDN bool) *entry {
	spec := map[string]any{"profile": map[string]any{}}
	if s.kind == "User" {
		spec["memberOf"] = []any{}
	} else {
		spec["type"], spec["children"] = "unknown", []any{}
	}
	made := &entry{dn: raw.DN, entity: entity.Entity{
		"apiVersion": "backstage.io/v1beta1", "kind": s.kind,
		"metadata": map[string]any{"name": "", "annotations": map[string]any{}}, "spec": spec,
	}}
	for _, one := range s.set {
		put(made.entity, one.path, entity.Entity{"": one.value}.Clone()[""])
	}
	dn := value(raw, named.dn, false)
	if dn == "" {
		dn = raw.DN
	}
	if lowerDN {
		dn = strings.ToLower(dn)
	}
	made.dn = dn
	for path, text := range map[string]string{
		"metadata.name": value(raw, s.names.Name, false), "metadata.description": value(raw, s.names.Description, false),
		"spec.profile.displayName": value(raw, s.names.DisplayName, false), "spec.profile.email": value(raw, s.names.Email, false),
		"spec.profile.picture": value(raw, s.names.Picture, false), "spec.type": value(raw, s.names.Type, false),
	} {
		if text != "" {
			put(made.entity, strings.Split(path, "."), text)
		}
	}
	rdn, uuid := value(raw, s.names.RDN, false), value(raw, named.uuid, named.binaryUUID)
	for name, text := range map[string]string{annotationDN: dn, annotationRDN: rdn, annotationUUID: uuid} {
		if text != "" {
			put(made.entity, []string{"metadata", "annotations", name}, text)
			made.names = append(made.names, normalize(text))
		}
	}
	made.names = append(made.names, normalize(raw.DN))
	made.memberOf, made.members = values(raw, s.names.MemberOf), values(raw, s.names.Members)
	return made
}

// value is the value of an attribute that has one, "" for another number of them, as in Backstage.
func value(raw *ldap.Entry, name string, isGUID bool) string {
	if name == "" {
		return ""
	}
	if strings.EqualFold(name, "dn") {
		return raw.DN
	}
	for _, attribute := range raw.Attributes {
		if strings.EqualFold(attribute.Name, name) && len(attribute.Values) == 1 {
			if isGUID && len(attribute.ByteValues) == 1 && len(attribute.ByteValues[0]) == 16 {
				return guid(attribute.ByteValues[0])
			}
			return strings.ToValidUTF8(attribute.Values[0], "\uFFFD")
		}
	}
	return ""
}

// guid is the text of Microsoft's UUID, whose first parts are in the order of an Intel processor.
func guid(b []byte) string {
	return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x", b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8:10], b[10:])
}

// values are the normalized values of an attribute.
func values(raw *ldap.Entry, name string) []string {
	var found []string
	for _, attribute := range raw.Attributes {
		if name != "" && strings.EqualFold(attribute.Name, name) {
			for _, text := range attribute.Values {
				found = append(found, normalize(text))
			}
		}
	}
	return found
}

// normalize makes two spellings of a distinguished name equal. Other texts stay, but for their case.
func normalize(text string) string {
	parsed, err := ldap.ParseDN(text)
	if err != nil || len(parsed.RDNs) == 0 {
		return strings.ToLower(text)
	}
	return strings.ToLower(parsed.String())
}

// put sets a value in a tree of maps. What is in the way is replaced.
func put(tree map[string]any, path []string, value any) {
	for ; len(path) > 1; path = path[1:] {
		below, is := tree[path[0]].(map[string]any)
		if !is {
			below = map[string]any{}
			tree[path[0]] = below
		}
		tree = below
	}
	tree[path[0]] = value
}

// relations are what the entries say about each other.
type relations struct {
	users, groups               map[string]*entry
	memberOf, parents, children links
}

// resolve sets the relations of all entries as Backstage does: from both ends, users to groups, and groups to groups. A
// group in several others has the first of them as its parent.
func resolve(found []*entry) {
	r := relations{users: map[string]*entry{}, groups: map[string]*entry{}, memberOf: links{}, parents: links{}, children: links{}}
	order := map[string]int{}
	for n, one := range found {
		order[one.entity.Ref().String()] = n
		r.index(one)
	}
	for _, one := range found {
		r.link(one)
	}
	for of, groups := range r.memberOf {
		put(of.entity, []string{"spec", "memberOf"}, sorted(groups))
	}
	for of, groups := range r.children {
		put(of.entity, []string{"spec", "children"}, sorted(groups))
	}
	for of, groups := range r.parents {
		first := slices.MinFunc(slices.Collect(maps.Keys(groups)), func(a, b string) int { return order[a] - order[b] })
		put(of.entity, []string{"spec", "parent"}, first)
	}
}

// index makes an entry known by its names. The first of two with one name has it.
func (r relations) index(one *entry) {
	of := r.groups
	if one.entity.Kind() == "User" {
		of = r.users
	}
	for _, name := range append(one.names, one.entity.Ref().String()) {
		if _, taken := of[name]; !taken {
			of[name] = one
		}
	}
}

// link takes up what an entry says. Names of what was not read are left out.
func (r relations) link(one *entry) {
	for _, name := range one.memberOf {
		if group := r.groups[name]; group != nil {
			r.put(one, group)
		}
	}
	for _, name := range one.members {
		member := r.users[name]
		if member == nil {
			member = r.groups[name]
		}
		if member != nil {
			r.put(member, one)
		}
	}
}

// put puts a user or a group into a group.
func (r relations) put(member, group *entry) {
	if member.entity.Kind() == "User" {
		r.memberOf.add(member, group)
		return
	}
	r.parents.add(member, group)
	r.children.add(group, member)
}

// links are references of one entity to others.
type links map[*entry]map[string]bool

func (l links) add(from, to *entry) {
	if l[from] == nil {
		l[from] = map[string]bool{}
	}
	l[from][to.entity.Ref().String()] = true
}

func sorted(refs map[string]bool) []any {
	list := []any{}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		list = append(list, ref)
	}
	return list
}
