package run

import (
	"bytes"
	"time"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/recall"
	"github.com/portico-dev/portico/scaffolder/template"
)

const (
	// maxKeptSpecs bounds the number of decoded specs, maxKeptSpec the size of each, in bytes as stored.
	maxKeptSpecs = 64
	maxKeptSpec  = 256 << 10
	keepSpecs    = 10 * time.Minute
)

// decodedSpecs keeps the specs of runs decoded, by their digests: every activity of a run reads the same one.
// Nobody changes what they are given.
type decodedSpecs struct {
	known *recall.Memory[string, decodedSpec]
}

type decodedSpec struct {
	// source is what was decoded. One that differs is decoded anew, whatever its digest says.
	source []byte
	spec   template.TaskSpec
}

func newDecodedSpecs() *decodedSpecs {
	return &decodedSpecs{recall.New[string, decodedSpec](maxKeptSpecs, keepSpecs)}
}

// decode is decodeSpec with the memory.
func (d *decodedSpecs) decode(row db.Run) (template.TaskSpec, error) {
	if known, has := d.known.Get(row.SpecDigest); has && bytes.Equal(known.source, row.Spec) {
		return known.spec, nil
	}
	spec, err := decodeSpec(row)
	if err == nil && len(row.Spec) <= maxKeptSpec {
		d.known.Remember(row.SpecDigest, decodedSpec{row.Spec, spec})
	}
	return spec, err
}
