package action

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
)

// allowedHostsInput is an input of each action that takes a repoUrl.
const allowedHostsInput = "allowedHosts"

// checkAllowedHosts refuses a repoUrl whose host is not among the step's allowedHosts. Only here are they read: the
// actions declare them in their schemas. The input satisfies the schema.
func (d Description) checkAllowedHosts(name string, input json.RawMessage) error {
	if !bytes.Contains(input, []byte(`"`+allowedHostsInput+`"`)) { // most inputs have none, and decoding costs
		return nil
	}
	if declared, _ := d.Inputs(); !slices.Contains(declared, allowedHostsInput) {
		return nil
	}
	var given struct {
		RepoURL      string   `json:"repoUrl"`
		AllowedHosts hostList `json:"allowedHosts"`
	}
	if err := json.Unmarshal(input, &given); err != nil {
		return Final(fmt.Errorf("input of action %s: %w", name, err))
	}
	if len(given.AllowedHosts) == 0 {
		return nil
	}
	host, err := integration.RepoURLHost(given.RepoURL)
	if err != nil {
		return Classify(err)
	}
	if given.AllowedHosts.contains(host) {
		return nil
	}
	return InputError("Invalid input passed to action %s, repoUrl names the host %s, and allowedHosts allows only %s. "+
		"Choose a repository on an allowed host, or add %s to the step's allowedHosts.", name, host, given.AllowedHosts, host)
}

// hostList is a list of hosts, which a template may also write as one text.
type hostList []string

// UnmarshalJSON reads a list or a text.
func (l *hostList) UnmarshalJSON(encoded []byte) error {
	var one string
	if json.Unmarshal(encoded, &one) == nil {
		*l = hostList{one}
		return nil
	}
	return json.Unmarshal(encoded, (*[]string)(l))
}

func (l hostList) contains(host string) bool {
	return slices.ContainsFunc(l, func(allowed string) bool { return strings.EqualFold(strings.TrimSpace(allowed), host) })
}

// String quotes each host: one may be empty, where an expression led to nothing.
func (l hostList) String() string {
	quoted := make([]string, len(l))
	for i, host := range l {
		quoted[i] = fmt.Sprintf("%q", host)
	}
	return strings.Join(quoted, ", ")
}
