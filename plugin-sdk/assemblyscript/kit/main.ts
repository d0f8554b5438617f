// The program: `asc kit/main.ts --exportStart _start`, so that it runs after the globals of all files are set.

import { check, describe } from "../check";
import { Run } from "./evidenced";
import { describing, end, readAll } from "./host";
import { Json } from "./json";

if (describing()) end(describe().dump());
const run = new Run(Json.parse(readAll(0)));
check(run);
end(run.report());
