// Computes the ids of golden_ids.json with CloudQuery's own SDK: vectors without ids in, with ids out.
//
//	go mod init ids && go mod edit -replace github.com/invopop/jsonschema=<as in the SDK's go.mod>
//	go get github.com/cloudquery/plugin-sdk/v4@v4.96.1 && go run golden_ids.go < vectors.json > golden_ids.json
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/cloudquery/plugin-sdk/v4/schema"
	"github.com/cloudquery/plugin-sdk/v4/types"
	"github.com/google/uuid"
)

// A vector is a record with its key columns, as a snapshot of Headwater describes types.
type vector struct {
	Rule   string         `json:"rule"`
	Keys   map[string]any `json:"keys"`
	Record string         `json:"record"`
	ID     string         `json:"id"`
}

type golden struct {
	MadeBy  string   `json:"made_by"`
	Vectors []vector `json:"vectors"`
}

var scalars = map[string]arrow.DataType{
	"BOOLEAN": arrow.FixedWidthTypes.Boolean, "TEXT": arrow.BinaryTypes.String, "BLOB": arrow.BinaryTypes.Binary,
	"TINYINT": arrow.PrimitiveTypes.Int8, "SMALLINT": arrow.PrimitiveTypes.Int16,
	"INTEGER": arrow.PrimitiveTypes.Int32, "BIGINT": arrow.PrimitiveTypes.Int64,
	"UTINYINT": arrow.PrimitiveTypes.Uint8, "USMALLINT": arrow.PrimitiveTypes.Uint16,
	"UINTEGER": arrow.PrimitiveTypes.Uint32, "UBIGINT": arrow.PrimitiveTypes.Uint64,
	"FLOAT": arrow.PrimitiveTypes.Float32, "DOUBLE": arrow.PrimitiveTypes.Float64,
	"DATE": arrow.FixedWidthTypes.Date32, "TIME": arrow.FixedWidthTypes.Time64us,
	"TIMESTAMP":       arrow.FixedWidthTypes.Timestamp_us,
	"LOCAL_TIMESTAMP": &arrow.TimestampType{Unit: arrow.Microsecond},
	"UUID":            types.ExtensionTypes.UUID, "JSON": types.ExtensionTypes.JSON,
}

func dataType(described any) arrow.DataType {
	if name, ok := described.(string); ok {
		if found, ok := scalars[name]; ok {
			return found
		}
		log.Fatalf("unknown type %s", name)
	}
	made := described.(map[string]any)
	if size, ok := made["decimal"].([]any); ok {
		return &arrow.Decimal128Type{Precision: int32(size[0].(float64)), Scale: int32(size[1].(float64))}
	}
	return arrow.ListOf(dataType(made["list"]))
}

func value(dt arrow.DataType, raw json.RawMessage) any {
	var text string
	if string(raw) == "null" {
		return nil
	}
	if json.Unmarshal(raw, &text) != nil || dt == types.ExtensionTypes.JSON {
		text = string(raw)
	}
	switch dt.ID() {
	case arrow.BINARY:
		return must(base64.StdEncoding.DecodeString(text))
	case arrow.FLOAT32:
		return float32(must(strconv.ParseFloat(text, 32)))
	}
	return text
}

func id(v vector) string {
	var record map[string]json.RawMessage
	check(json.Unmarshal([]byte(v.Record), &record))
	table := &schema.Table{Name: "vectors", Columns: schema.ColumnList{schema.CqIDColumn}}
	for name, described := range v.Keys {
		table.Columns = append(table.Columns, schema.Column{Name: name, Type: dataType(described), PrimaryKey: true})
	}
	resource := schema.NewResourceData(table, nil, nil)
	for _, column := range table.Columns[1:] {
		check(resource.Set(column.Name, value(column.Type, record[column.Name])))
	}
	check(resource.CalculateCQID(true))
	return resource.Get(schema.CqIDColumn.Name).Get().(uuid.UUID).String()
}

func must[T any](made T, err error) T {
	check(err)
	return made
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	var all golden
	check(json.NewDecoder(os.Stdin).Decode(&all))
	for number := range all.Vectors {
		all.Vectors[number].ID = id(all.Vectors[number])
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	check(out.Encode(all))
	fmt.Fprintln(os.Stderr, len(all.Vectors), "ids")
}
