// One query on a D1 binding, and its results in the form the endpoint promises.
//
// The binding gives either exact rows without `meta` (`raw`) or `meta` with rows as objects (`batch`). Objects lose values: of
// two columns with one name the last wins, names that look like integers move to the front, and without rows there are no names.
// So a single read goes through `raw`. Everything else goes through `batch`, and must give its columns distinct,
// non-numeric names if it wants to see all of them.
import { refusal } from "./outcome";
import type { Statement } from "./statements";

type Row = Record<string, unknown>;
type Format = (columns: string[], rows: unknown[][]) => unknown;

interface Result {
  success: true;
  results: unknown;
  meta: Record<string, unknown>;
}

export function queryFormat(endpoint: string): Format {
  if (endpoint === "raw") return (columns, rows) => ({ columns, rows });
  return (columns, rows) => rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
}

export async function run(database: D1Database, statements: Statement[], format: Format): Promise<Result[]> {
  const prepared = statements.map(({ sql, params }) => {
    const statement = database.prepare(sql);
    return params.length === 0 ? statement : statement.bind(...params);
  });
  const [only, second] = prepared;
  try {
    if (only !== undefined && second === undefined && statements.every(isRead)) return [await read(only, format)];
    return await write(database, prepared, format);
  } catch (error) {
    throw refusal(error) ?? error;
  }
}

// A read changes nothing, which is all of `meta` that `raw` leaves us to say.
async function read(statement: D1PreparedStatement, format: Format): Promise<Result> {
  const started = performance.now();
  const [columns, ...rows] = await statement.raw({ columnNames: true });
  const meta = { duration: performance.now() - started, changes: 0, rows_written: 0, changed_db: false };
  return { success: true, results: format(columns ?? [], rows), meta };
}

async function write(database: D1Database, statements: D1PreparedStatement[], format: Format): Promise<Result[]> {
  const answers = await database.batch<Row>(statements);
  return answers.map(({ results, meta }) => {
    const columns = Object.keys(results[0] ?? {});
    const rows = results.map((row) => columns.map((name) => row[name]));
    return { success: true, results: format(columns, rows), meta };
  });
}

const QUOTED = /'[^']*'|"[^"]*"/g;

// Only picks between two ways of running the same statement: a wrong guess costs `meta` or exact column names, nothing else.
function isRead({ sql }: Statement): boolean {
  if (/^\s*(select|values|explain|pragma)\b/i.test(sql)) return !sql.replace(QUOTED, "").replace(/;\s*$/, "").includes(";");
  return /^\s*with\b/i.test(sql) && !/\b(insert|update|delete|replace)\b/i.test(sql);
}
