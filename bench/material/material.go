// Package material writes catalogs in files for benchmarks. The same numbers always give the same entities, so that two
// systems, or two runs, have the same catalog.
package material

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// perFile is the number of entities in a file, and perLocation the number that one Location brings.
	perFile     = 500
	perLocation = 10_000
)

// Material is a catalog in files: of 1,465 entities 1,000 are components, 200 APIs, 100 users, 100 resources, 50 systems,
// 10 groups and 5 domains.
type Material struct {
	// Locations are the files of Locations, by their absolute paths. Each lists files of entities.
	Locations []string
	// Entities is the number of entities in the catalog when each of Locations is registered: those in files, the
	// Locations in files, and those of the registration.
	Entities int
	// Owned is the number of entities that have an owner.
	Owned int
	// changing is one file of entities, and was its content.
	changing, was string
}

// Write writes files of this many entities to a directory.
func Write(directory string, entities int) (Material, error) {
	m := Material{}
	for first := 0; first < entities; first += perLocation {
		location := &strings.Builder{}
		fmt.Fprintf(location, "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: bench-%d}\nspec:\n  targets:\n", first)
		last := min(first+perLocation, entities)
		for begin := first; begin < last; begin += perFile {
			name := fmt.Sprintf("part-%06d.yaml", begin)
			content := documents(begin, min(begin+perFile, last), entities)
			if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
				return m, err
			}
			m.changing, m.was = filepath.Join(directory, name), content
			m.Owned += strings.Count(content, "\n  owner: ")
			fmt.Fprintf(location, "    - ./%s\n", name)
		}
		path := filepath.Join(directory, fmt.Sprintf("all-%06d.yaml", first))
		if err := os.WriteFile(path, []byte(location.String()), 0o600); err != nil {
			return m, err
		}
		m.Locations = append(m.Locations, path)
	}
	m.Entities = entities + 2*len(m.Locations)
	return m, nil
}

// Change writes another description into one entity of a file, and returns it.
func (m Material) Change() (description string, err error) {
	description = fmt.Sprintf("changed-%d", time.Now().UnixNano())
	content := strings.Replace(m.was, "description: ", "description: "+description+" ", 1)
	if content == m.was {
		return "", errors.New("no entity of the file has a description")
	}
	return description, os.WriteFile(m.changing, []byte(content), 0o600)
}

// documents are the entities from begin to end, as YAML. The same numbers always give the same entities.
func documents(begin, end, all int) string {
	out := &strings.Builder{}
	for n := begin; n < end; n++ {
		describe(out, rand.New(rand.NewPCG(42, uint64(n))), n, all) //nolint:gosec // The same numbers give the same entities.
		out.WriteString("---\n")
	}
	return out.String()
}

// Words are those that titles and descriptions are made of.
var Words = strings.Fields(`alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo
	sierra tango uniform victor whiskey xray yankee zulu payments ledger gateway billing search catalog orders shipping identity session audit
	metrics tracing storage queue scheduler mailer render proxy router`)

// describe writes entity n of all. Out of 1,465 in a row each kind has its share; the share of a kind that
// others refer to is a bound of the numbers in their references.
func describe(out *strings.Builder, random *rand.Rand, n, all int) {
	const cycle = 1465
	rounds, round, place := max(1, all/cycle), n/cycle, n%cycle
	word := func() string { return Words[random.IntN(len(Words))] }
	of := func(values ...string) string { return values[random.IntN(len(values))] }
	some := func(perRound int) int { return random.IntN(rounds * perRound) }
	head := func(kind, name, more string) {
		fmt.Fprintf(out, "apiVersion: backstage.io/v1alpha1\nkind: %s\nmetadata:\n  name: %s\n%sspec:\n", kind, name, more)
	}
	owner := func() string { return fmt.Sprintf("  owner: group:default/group-%06d\n", some(10)) }
	switch {
	case place < 10:
		i := round*10 + place
		head("Group", fmt.Sprintf("group-%06d", i), fmt.Sprintf("  title: Group %d\n  description: Team %d %s\n", i, i, word()))
		fmt.Fprintf(out, "  type: team\n  profile:\n    displayName: Group %d\n    email: group-%d@example.com\n  children: []\n", i, i)
	case place < 110:
		i := round*100 + place - 10
		head("User", fmt.Sprintf("user-%06d", i), "")
		fmt.Fprintf(out, "  profile:\n    displayName: User %d %s\n    email: user-%d@example.com\n  memberOf:\n    - group-%06d\n", i, word(), i, some(10))
	case place < 115:
		i := round*5 + place - 110
		head("Domain", fmt.Sprintf("domain-%06d", i), fmt.Sprintf("  description: Domain %d\n", i))
		out.WriteString(owner())
	case place < 165:
		i := round*50 + place - 115
		head("System", fmt.Sprintf("system-%06d", i), fmt.Sprintf("  description: System %d %s %s\n", i, word(), word()))
		fmt.Fprintf(out, "%s  domain: domain-%06d\n", owner(), some(5))
	case place < 365:
		i := round*200 + place - 165
		head("API", fmt.Sprintf("api-%06d", i), fmt.Sprintf("  description: API %d of %s\n", i, word()))
		fmt.Fprintf(out, "  type: %s\n  lifecycle: %s\n%s  system: system-%06d\n  definition: |\n    openapi: \"3.0.0\"\n    info:\n      version: 1.0.0\n      title: api-%d\n"+
			"    paths:\n      /%s:\n        get:\n          summary: list %s\n          responses:\n            \"200\":\n              description: ok\n",
			of("openapi", "grpc", "graphql", "asyncapi"), of("production", "experimental"), owner(), some(50), i, word(), word())
	case place < 465:
		i := round*100 + place - 365
		head("Resource", fmt.Sprintf("resource-%06d", i), fmt.Sprintf("  description: Database %d\n", i))
		fmt.Fprintf(out, "  type: %s\n%s  system: system-%06d\n", of("database", "s3-bucket", "queue"), owner(), some(50))
	default:
		i := round*1000 + place - 465
		head("Component", fmt.Sprintf("component-%06d", i), fmt.Sprintf("  title: %s %s %d\n"+
			"  description: The %s %s service number %d, handles %s for %s.\n  labels:\n    tier: \"%s\"\n  annotations:\n    github.com/project-slug: acme/component-%06d\n"+
			"    backstage.io/techdocs-ref: dir:.\n  tags:\n    - %s\n    - %s-x\n    - %s-y\n  links:\n    - url: https://dashboards.example.com/%06d\n      title: Dashboard\n      icon: dashboard\n",
			word(), word(), i, word(), word(), i, word(), word(), of("1", "2", "3"), i, word(), word(), word(), i))
		fmt.Fprintf(out, "  type: %s\n  lifecycle: %s\n%s  system: system-%06d\n  providesApis:\n    - api-%06d\n  consumesApis:\n    - api-%06d\n"+
			"  dependsOn:\n    - resource:resource-%06d\n    - component:component-%06d\n",
			of("service", "website", "library", "pipeline"), of("production", "experimental", "deprecated"), owner(), some(50), some(200), some(200), some(100), some(1000))
	}
}
