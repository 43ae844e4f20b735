// Users in Node alone.
import { serve } from "./http.js";
import { Kept } from "./kept.js";
import { people } from "./people.js";

serve(people(new Kept(process.env.DATABASE_URL.replace("sqlite:///", ""))));
