package db

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// encodeUUIDs has a connection send UUIDs as the 16 bytes that they are. pgx finds that uuid.UUID is a driver.Valuer and
// has it written as text, which it parses again: a tenth of the work of an import.
func encodeUUIDs(types *pgtype.Map) {
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapUUID}, types.TryWrapEncodePlanFuncs...)
}

func wrapUUID(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	id, is := value.(uuid.UUID)
	return &uuidPlan{}, pgtype.UUID{Bytes: id, Valid: true}, is
}

type uuidPlan struct{ next pgtype.EncodePlan }

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (p *uuidPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode implements pgtype.EncodePlan.
func (p *uuidPlan) Encode(value any, buffer []byte) ([]byte, error) {
	id, _ := value.(uuid.UUID) // wrapUUID has looked
	return p.next.Encode(pgtype.UUID{Bytes: id, Valid: true}, buffer)
}
