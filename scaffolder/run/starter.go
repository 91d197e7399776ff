package run

import (
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/identity"
)

// starter is how it is stored who started a run. Their token is theirs, and is not.
type starter struct {
	Kind         identity.Kind          `json:"kind"`
	Subject      string                 `json:"subject"`
	Ownership    []string               `json:"ownership,omitempty"`
	Restrictions []identity.Restriction `json:"restrictions"`
}

// encodeStarter gives nil for nobody.
func encodeStarter(p identity.Principal) ([]byte, error) {
	if p.Kind == identity.KindNone {
		return nil, nil
	}
	encoded, err := json.Marshal(starter{p.Kind, p.Subject, p.Ownership, p.Restrictions})
	if err != nil {
		return nil, fmt.Errorf("encode who started it: %w", err)
	}
	return encoded, nil
}

func decodeStarter(encoded []byte) (identity.Principal, error) {
	if len(encoded) == 0 {
		return identity.Principal{}, nil
	}
	var s starter
	if err := json.Unmarshal(encoded, &s); err != nil {
		return identity.Principal{}, fmt.Errorf("decode who started it: %w", err)
	}
	return identity.Principal{Kind: s.Kind, Subject: s.Subject, Ownership: s.Ownership, Restrictions: s.Restrictions}, nil
}
