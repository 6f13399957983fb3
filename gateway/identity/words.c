#include "gateway/identity/words.h"

#include <string.h>

#define LETTERS_MAX 8 /* of the longest word */

/* Sorted, which words_find() relies on. Chosen for being said over a telephone: 4 to 8 letters, no
 * two that sound alike, few that are one letter apart, nothing that one would rather not say. */
/* clang-format off */
static const char *const WORDS[WORDS_COUNT] = {
    "abacus", "able", "acorn", "acre", "actor", "adapt", "adobe", "adult", "advice", "aerial",
    "affair", "afford", "afloat", "after", "again", "agate", "agenda", "agile", "agree", "ahead",
    "airbus", "airy", "alarm", "album", "alcove", "alert", "algae", "alibi", "alien", "alike",
    "alley", "allow", "alloy", "almond", "alpha", "alpine", "also", "always", "amber", "amble",
    "amount", "ample", "amuse", "anchor", "angle", "animal", "ankle", "answer", "antler", "anvil",
    "apple", "apron", "aqua", "arable", "arbor", "arcade", "arch", "arctic", "area", "arena",
    "argue", "arise", "armor", "army", "aroma", "around", "arrive", "arrow", "artist", "ascend",
    "aside", "aspen", "asset", "aster", "atlas", "atom", "attic", "audio", "august", "aunt",
    "aurora", "author", "auto", "autumn", "avenue", "avoid", "awake", "award", "aware", "away",
    "awning", "axis", "azure", "baboon", "badge", "badger", "bagel", "baker", "balance", "ballad",
    "balsa", "bamboo", "banana", "bandit", "banjo", "bank", "banner", "barber", "barge", "barley",
    "barn", "baron", "barrel", "basalt", "basic", "basil", "basin", "basket", "bath", "baton",
    "bazaar", "beacon", "beak", "beam", "bean", "beard", "beast", "beauty", "beaver", "become",
    "beetle", "begin", "behave", "behind", "beige", "belief", "bell", "below", "bench", "bend",
    "beret", "beside", "better", "bicorn", "bike", "bill", "birch", "bird", "birth", "bison",
    "bite", "black", "blade", "blaze", "blend", "bless", "blimp", "blind", "blink", "bloom",
    "blossom", "bluff", "blunt", "blush", "boat", "bobcat", "body", "boil", "bolt", "bond", "bone",
    "bonfire", "bonnet", "bonus", "boost", "border", "borrow", "botany", "both", "bottle",
    "bottom", "bounce", "bowl", "brace", "braid", "brain", "branch", "brand", "brass", "brave",
    "bread", "breath", "breeze", "brew", "brick", "bride", "bridge", "brief", "bright", "brim",
    "bring", "brisk", "broad", "brook", "broom", "brother", "brown", "brush", "bubble", "bucket",
    "buckle", "budget", "buffet", "bugle", "build", "bulb", "bulk", "bundle", "bunny", "burger",
    "burrow", "business", "busy", "butter", "button", "buzz", "cabin", "cable", "cactus", "cadet",
    "cafe", "calendar", "calf", "calm", "camel", "camera", "camp", "canal", "canary", "candle",
    "candy", "canoe", "canopy", "canvas", "canyon", "cape", "captain", "caramel", "caravan",
    "carbon", "card", "cargo", "carol", "carp", "carpet", "carrot", "carry", "carve", "cascade",
    "cash", "cask", "castle", "casual", "catch", "cattle", "cause", "cavern", "cedar", "celery",
    "cellar", "cello", "cement", "census", "center", "ceramic", "certain", "chain", "chair",
    "chalet", "chalk", "chamber", "chance", "change", "channel", "chapel", "chapter", "charm",
    "chart", "chase", "cheap", "check", "cheek", "cheer", "cheese", "chef", "cherry", "chess",
    "chest", "chew", "chicken", "chief", "child", "chill", "chime", "chimney", "chin", "chip",
    "chisel", "choice", "choir", "chorus", "chrome", "cider", "cinema", "circle", "circus",
    "citrus", "city", "civic", "civil", "claim", "clam", "clarity", "clasp", "class", "clay",
    "clean", "clear", "clerk", "clever", "cliff", "climate", "climb", "clinic", "clip", "cloak",
    "clock", "clone", "close", "cloth", "cloud", "clover", "clown", "club", "clue", "coach",
    "coal", "coast", "cobalt", "cobra", "cocoa", "coconut", "code", "coffee", "coin", "cold",
    "collar", "colony", "color", "colt", "column", "comb", "comedy", "comet", "comfort", "comic",
    "common", "compass", "concert", "condor", "cook", "cookie", "copper", "copy", "coral", "corn",
    "corner", "correct", "cosmic", "cottage", "cotton", "couch", "cougar", "count", "country",
    "couple", "courage", "course", "court", "cousin", "cover", "coyote", "crab", "cradle", "craft",
    "crane", "crater", "crawl", "crayon", "cream", "create", "credit", "creek", "crest", "crew",
    "cricket", "crisp", "crop", "cross", "crowd", "crown", "cruise", "crumb", "crust", "crystal",
    "cube", "cuckoo", "cupboard", "curious", "curl", "curtain", "curve", "cushion", "custom",
    "cycle", "cymbal", "cypress", "daily", "dainty", "daisy", "dance", "dancer", "dapper", "dark",
    "dash", "data", "date", "daughter", "dawn", "dear", "debate", "debut", "decade", "decent",
    "decide", "deck", "decor", "deep", "deer", "defend", "degree", "delight", "deliver", "delta",
    "denim", "dense", "depart", "depend", "depth", "derby", "desert", "design", "desk", "detail",
    "detect", "dial", "diamond", "diary", "diesel", "diet", "digit", "dine", "dinner", "direct",
    "dirt", "disco", "dish", "disk", "distant", "divide", "dock", "doctor", "dollar", "dolphin",
    "domain", "dome", "domino", "donkey", "donor", "door", "dose", "double", "dove", "down",
    "dozen", "draft", "dragon", "drama", "draw", "drawer", "dream", "dress", "drift", "drill",
    "drink", "drive", "drop", "drum", "duck", "duet", "dune", "during", "dusk", "dust", "duty",
    "dwell", "dynamo", "each", "eager", "eagle", "early", "earn", "earth", "easel", "easy", "echo",
    "eclipse", "edge", "edit", "effect", "effort", "elastic", "elbow", "elder", "elect", "elegant",
    "element", "elephant", "eleven", "elite", "embark", "ember", "emerald", "empire", "empty",
    "enamel", "encore", "endure", "energy", "engine", "enjoy", "enough", "enter", "entire",
    "entry", "envoy", "equal", "escape", "essay", "estate", "evening", "event", "ever", "exact",
    "exam", "example", "exist", "exit", "exotic", "expand", "expect", "expert", "explore",
    "express", "extra", "fable", "fabric", "face", "fact", "factor", "fade", "fairy", "faith",
    "falcon", "fall", "family", "famous", "fancy", "farm", "farmer", "father", "faucet", "fawn",
    "feast", "feather", "feature", "fellow", "felt", "fence", "fender", "fern", "ferry", "fertile",
    "festival", "fetch", "fiber", "fiction", "fiddle", "field", "fifty", "figure", "file", "film",
    "filter", "final", "finch", "finger", "finish", "fire", "firm", "first", "fish", "fist",
    "five", "flag", "flake", "flame", "flannel", "flash", "flat", "flavor", "flax", "fleet",
    "flight", "flint", "flip", "float", "flock", "flood", "floor", "flora", "flow", "fluent",
    "fluid", "flute", "foam", "focus", "foil", "fold", "folk", "follow", "food", "foot", "force",
    "forest", "forge", "forget", "fork", "formal", "fort", "forum", "forward", "fossil", "found",
    "fountain", "frame", "free", "freeze", "fresh", "friday", "friend", "fringe", "frog", "front",
    "frost", "frozen", "fruit", "fudge", "fuel", "full", "funnel", "funny", "future", "gadget",
    "galaxy", "gallery", "gallon", "gallop", "game", "garage", "garden", "garlic", "garnet",
    "gate", "gather", "gauge", "gear", "gecko", "general", "genius", "gentle", "genuine",
    "gesture", "geyser", "giant", "gift", "gild", "ginger", "giraffe", "give", "glacier", "glad",
    "glance", "glass", "glaze", "gleam", "glide", "glitter", "globe", "glory", "glove", "glow",
    "glue", "goal", "goat", "golden", "golf", "gong", "good", "goose", "gopher", "gorge",
    "gorilla", "gossip", "gourd", "grade", "grain", "grand", "granite", "grant", "grape", "graph",
    "grass", "gravel", "gravity", "gray", "green", "greet", "griffin", "grill", "grin", "grip",
    "grocer", "groove", "ground", "group", "grove", "grow", "guard", "guess", "guest", "guide",
    "guitar", "gulf", "gull", "guppy", "gust", "gypsum", "habit", "half", "halo", "hammer",
    "hammock", "hamper", "hand", "handle", "handy", "hangar", "happy", "harbor", "hardy",
    "harmony", "harness", "harp", "harvest", "hatch", "haven", "hawk", "hazel", "head", "health",
    "heap", "heart", "hearth", "heather", "heavy", "hedge", "height", "helium", "hello", "helmet",
    "help", "herb", "herd", "hermit", "hero", "heron", "hickory", "hidden", "high", "hike", "hill",
    "hinge", "hint", "history", "hive", "hobby", "hockey", "hold", "hollow", "holly", "home",
    "honest", "honey", "hoof", "hook", "hoop", "hope", "horizon", "horn", "host", "hotel", "house",
    "hover", "human", "humble", "humor", "hundred", "hungry", "hurdle", "hurry", "husky", "hybrid",
    "hydrant", "iceberg", "icing", "icon", "idea", "ideal", "igloo", "image", "impact", "import",
    "impulse", "inch", "include", "index", "indigo", "indoor", "infant", "inlet", "input",
    "insect", "inside", "instant", "intact", "into", "invent", "invite", "iris", "iron", "island",
    "issue", "italic", "item", "ivory", "jacket", "jaguar", "jasmine", "javelin", "jazz", "jeans",
    "jelly", "jersey", "jewel", "jigsaw", "jockey", "join", "joke", "jolly", "journal", "journey",
    "judge", "juggle", "juice", "july", "jumbo", "jump", "june", "jungle", "junior", "juniper",
    "jury", "just", "kale", "kangaroo", "karate", "kayak", "keen", "keep", "kelp", "kennel",
    "kettle", "kilo", "kimono", "kind", "king", "kingdom", "kiosk", "kitchen", "kite", "kitten",
    "kiwi", "knee", "knit", "knob", "knot", "koala", "label", "labor", "ladder", "ladle", "lady",
    "lagoon", "lake", "lamb", "lamp", "lance", "land", "lane", "lantern", "laptop", "larch",
    "large", "lark", "laser", "lasso", "last", "laugh", "launch", "laundry", "laurel", "lava",
    "lavender", "lawn", "lawyer", "layer", "lazy", "leader", "leaf", "league", "leap", "learn",
    "leather", "leave", "lecture", "left", "legend", "lemon", "length", "lens", "lentil",
    "leopard", "letter", "lettuce", "level", "library", "license", "life", "light", "lilac",
    "lily", "limb", "lime", "limit", "linen", "lion", "liquid", "list", "listen", "little",
    "lively", "lizard", "llama", "load", "loaf", "lobby", "lobster", "local", "locket", "lodge",
    "loft", "logic", "lonely", "long", "look", "loop", "loose", "lotion", "lotus", "loud",
    "lounge", "love", "loyal", "lucky", "lumber", "lunar", "lunch", "lung", "luxury", "lyric",
    "machine", "magic", "magnet", "magpie", "major", "make", "mallet", "mammal", "mammoth",
    "manage", "mandolin", "mango", "manner", "manor", "mantis", "manual", "many", "maple",
    "marble", "march", "margin", "marine", "mark", "market", "maroon", "marsh", "mask", "mason",
    "mass", "master", "material", "math", "matrix", "matter", "maximum", "maze", "meadow", "meal",
    "measure", "media", "medium", "melody", "melon", "melt", "member", "memory", "mend", "mention",
    "menu", "merit", "mermaid", "merry", "mesh", "message", "meteor", "method", "metro", "middle",
    "midnight", "might", "milk", "mill", "million", "mimic", "mind", "mineral", "minimum", "mint",
    "minute", "mirror", "mitten", "mobile", "model", "modern", "modest", "moment", "monday",
    "money", "monkey", "month", "moon", "mortar", "mosaic", "moss", "motel", "mother", "motion",
    "motor", "mountain", "mouse", "mouth", "move", "movie", "much", "muffin", "mulberry", "mule",
    "multiply", "museum", "mushroom", "music", "mustard", "mutual", "mystery", "myth", "nail",
    "name", "napkin", "narrow", "nation", "native", "nature", "navy", "near", "neat", "nebula",
    "neck", "nectar", "needle", "neon", "nephew", "nerve", "neutral", "never", "newt", "next",
    "nice", "nickel", "nimble", "nine", "noble", "noise", "nomad", "noodle", "noon", "normal",
    "north", "nose", "note", "nothing", "notice", "novel", "nugget", "number", "nurse", "nutmeg",
    "nylon", "oasis", "object", "oboe", "observe", "ocean", "octagon", "october", "octopus",
    "offer", "office", "often", "okay", "olive", "omega", "omelet", "once", "onion", "online",
    "only", "onyx", "opal", "open", "opera", "opinion", "option", "oracle", "orange", "orbit",
    "orchard", "orchid", "order", "ordinary", "oregano", "organ", "origin", "oriole", "osprey",
    "ostrich", "other", "otter", "ounce", "outdoor", "outer", "outfit", "outside", "oval", "oven",
    "owner", "oxygen", "oyster", "ozone", "pack", "paddle", "page", "paint", "palace", "palm",
    "panda", "panel", "pansy", "panther", "pantry", "paper", "parade", "parcel", "parlor",
    "parrot", "parsley", "part", "partner", "party", "pass", "pasta", "pastel", "pastry", "path",
    "patient", "patio", "patrol", "pattern", "pave", "peacock", "peanut", "pearl", "pebble",
    "pecan", "pedal", "pelican", "pencil", "penguin", "pepper", "perch", "perfect", "period",
    "permit", "person", "petal", "phone", "photo", "phrase", "physics", "piano", "pick", "pickle",
    "picnic", "picture", "pigeon", "pilgrim", "pillar", "pillow", "pilot", "pink", "pioneer",
    "pipe", "pirate", "pitch", "pixel", "pizza", "place", "plan", "planet", "plank", "plant",
    "plaster", "plate", "platform", "play", "plaza", "pleasant", "pledge", "plenty", "plot",
    "plow", "plum", "plumber", "plus", "pocket", "poem", "poet", "point", "polar", "police",
    "polish", "polite", "pollen", "polo", "pond", "pony", "pool", "poplar", "poppy", "popular",
    "porch", "portal", "position", "possum", "post", "poster", "potato", "pottery", "pouch",
    "powder", "power", "praise", "precise", "prefer", "premium", "present", "press", "pretty",
    "pride", "primary", "prime", "prince", "print", "prism", "private", "prize", "problem",
    "process", "produce", "program", "project", "promise", "proof", "proper", "protect", "proud",
    "prove", "public", "pudding", "puddle", "puffin", "pull", "pulse", "puma", "pump", "pumpkin",
    "punch", "pupil", "puppet", "puppy", "purple", "purpose", "purse", "push", "puzzle", "pyramid",
    "python", "quail", "quaint", "quality", "quantum", "quarry", "quart", "quartz", "queen",
    "quest", "question", "quick", "quiet", "quill", "quilt", "quince", "quiver", "quiz", "quota",
    "rabbit", "raccoon", "radar", "radio", "radish", "raft", "rail", "rainbow", "raise", "raisin",
    "rally", "ramp", "ranch", "random", "range", "ranger", "rapid", "rare", "rate", "raven",
    "razor", "reach", "ready", "reason", "recipe", "record", "recycle", "reduce", "reed", "reef",
    "reflect", "refresh", "region", "regular", "reindeer", "relax", "relay", "relief", "rely",
    "remain", "remark", "remember", "remote", "remove", "render", "renew", "rent", "repair",
    "repeat", "replay", "report", "rescue", "reserve", "respect", "result", "retire", "return",
    "reveal", "review", "reward", "rhino", "rhyme", "rhythm", "ribbon", "rice", "rich", "ridge",
    "rigid", "ring", "rinse", "ripple", "river", "road", "roast", "robin", "robot", "rock",
    "rocket", "rodeo", "roof", "rookie", "room", "rooster", "rope", "rotate", "rover", "royal",
    "rubber", "ruby", "rudder", "rugby", "ruin", "rule", "rumble", "runway", "rural", "rush",
    "rustic", "saddle", "safari", "safe", "saffron", "sailor", "salad", "salmon", "salon", "salt",
    "salute", "same", "sample", "sand", "sandal", "sandwich", "sapphire", "satin", "saturn",
    "sausage", "save", "savory", "scale", "scan", "scarf", "scenic", "school", "science",
    "scissors", "scooter", "scope", "score", "scout", "screen", "script", "scroll", "seal",
    "search", "season", "seat", "second", "secret", "section", "seed", "seek", "segment", "select",
    "self", "senate", "senior", "sense", "sentence", "sequel", "serene", "series", "sermon",
    "serve", "session", "settle", "setup", "seven", "shade", "shadow", "shake", "shallow", "shape",
    "shark", "sharp", "shawl", "sheep", "sheet", "shelf", "shell", "shelter", "sheriff", "shield",
    "shift", "shimmer", "shine", "ship", "shirt", "shiver", "shoe", "shop", "shore", "short",
    "shoulder", "show", "shower", "shrimp", "shrub", "shuffle", "shut", "shuttle", "sibling",
    "sierra", "sign", "signal", "silent", "silk", "silly", "silver", "similar", "simple", "since",
    "single", "siren", "sister", "size", "skate", "sketch", "skill", "skin", "skip", "skirt",
    "slate", "sled", "sleep", "sleeve", "slender", "slice", "slide", "slim", "slope", "small",
    "smart", "smile", "smoke", "smooth", "snack", "snail", "snake", "snap", "snow", "snug", "soap",
    "soccer", "social", "sock", "soda", "sofa", "soft", "soil", "solar", "soldier", "solid",
    "solo", "solve", "sonar", "song", "sonic", "soon", "sound", "soup", "south", "space", "spade",
    "spare", "spark", "sparrow", "speak", "spear", "special", "speech", "speed", "spell", "spend",
    "sphere", "spice", "spider", "spike", "spin", "spiral", "spirit", "splash", "split", "spoke",
    "sponge", "spoon", "sport", "spot", "spray", "spread", "spring", "sprout", "spruce", "square",
    "squash", "squid", "squirrel", "stable", "stack", "stadium", "staff", "stage", "stamp",
    "stand", "star", "start", "statue", "stay", "steady", "steam", "stem", "step", "stereo",
    "stick", "still", "sting", "stir", "stitch", "stock", "stone", "stool", "stop", "storm",
    "story", "stove", "straight", "strategy", "straw", "stream", "street", "stretch", "strike",
    "string", "strip", "strong", "student", "studio", "study", "style", "submit", "subway",
    "success", "sudden", "sugar", "suggest", "suit", "suitcase", "sultan", "summer", "summit",
    "sunset", "super", "supply", "support", "sure", "surf", "surface", "surge", "surprise",
    "swallow", "swamp", "swan", "sweater", "swift", "swim", "swing", "switch", "sword", "symbol",
    "syrup", "system", "tablet", "taco", "tactic", "tailor", "take", "talent", "talk", "tall",
    "tango", "tank", "tape", "target", "tart", "task", "taste", "tavern", "taxi", "teach", "teak",
    "team", "tell", "temper", "temple", "tempo", "tenant", "tennis", "tenor", "tent", "term",
    "terrace", "text", "textile", "thank", "theater", "theme", "theory", "thick", "thing", "think",
    "third", "thirty", "thistle", "thorn", "thread", "three", "thrill", "thrive", "thumb",
    "thunder", "thursday", "thyme", "ticket", "tidy", "tiger", "tight", "tile", "timber", "time",
    "tiny", "tissue", "title", "toast", "today", "toddler", "together", "token", "tomato",
    "tomorrow", "tone", "tongue", "tonic", "tool", "tooth", "topaz", "topic", "torch", "tornado",
    "tortoise", "total", "toucan", "tough", "tour", "towel", "tower", "town", "trace", "track",
    "trade", "traffic", "trail", "train", "transfer", "trapeze", "travel", "tray", "treasure",
    "treat", "tree", "trek", "trend", "trial", "tribe", "trim", "trio", "trip", "triumph",
    "trolley", "trombone", "trophy", "tropic", "trout", "truck", "true", "trumpet", "trunk",
    "trust", "truth", "tuba", "tube", "tuesday", "tulip", "tuna", "tundra", "tunic", "tunnel",
    "turbine", "turkey", "turn", "turnip", "turtle", "tuxedo", "twelve", "twenty", "twice", "twig",
    "twilight", "twin", "twist", "tycoon", "type", "typical", "ukulele", "umbrella", "umpire",
    "uncle", "under", "unfold", "unicorn", "uniform", "union", "unique", "unit", "universe",
    "until", "update", "uphill", "upon", "upper", "upright", "upset", "urban", "useful", "usher",
    "usual", "utility", "vacant", "vacuum", "valid", "valley", "valve", "vanilla", "vapor",
    "variety", "vase", "vast", "vault", "vector", "vehicle", "velvet", "vendor", "venture", "verb",
    "verse", "version", "vessel", "vest", "veteran", "viaduct", "vibrant", "victory", "video",
    "view", "villa", "village", "vine", "vintage", "vinyl", "viola", "violet", "violin", "virtue",
    "vision", "visit", "vista", "vital", "vivid", "vocal", "voice", "volcano", "volley", "volume",
    "vote", "vowel", "voyage", "wafer", "waffle", "wage", "wagon", "walk", "wall", "wallet",
    "walnut", "walrus", "waltz", "wander", "want", "warbler", "warm", "wash", "wasp", "watch",
    "water", "wealth", "wedding", "weekend", "welcome", "west", "wheat", "wheel", "whisper",
    "whistle", "white", "wide", "widget", "width", "wild", "willow", "wind", "window", "wing",
    "winner", "winter", "wire", "wisdom", "wise", "wish", "witness", "wizard", "wolf", "wombat",
    "wonder", "wool", "word", "work", "worth", "wreath", "wren", "wrist", "yacht", "yard", "yarn",
    "year", "yeast", "yellow", "yeti", "yodel", "yoga", "yogurt", "young", "youth", "yoyo",
    "zebra", "zenith", "zephyr", "zero", "zest", "zigzag", "zinc", "zipper", "zodiac", "zone",
    "zoom",
};
/* clang-format on */

const char *words_at(unsigned index)
{
    return WORDS[index % WORDS_COUNT];
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int words_find(const char *text, size_t len)
{
    char word[LETTERS_MAX + 1] = "";
    unsigned from = 0, to = WORDS_COUNT;

    if (len > LETTERS_MAX)
        return -1;
    for (size_t i = 0; i < len; i++)
        word[i] = lower(text[i]);
    while (from < to) {
        unsigned mid = (from + to) / 2;
        int order = strcmp(word, WORDS[mid]);
        if (order == 0)
            return (int)mid;
        if (order < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return -1;
}

const char *words_of(char out[static WORDS_TEXT_MAX], const uint8_t *hash)
{
    size_t used = 0;

    for (unsigned i = 0; i < WORDS_IN_TEXT; i++) {
        const char *word = words_at((unsigned)(hash[2 * i] << 8 | hash[2 * i + 1]));
        size_t len = strlen(word);
        if (i > 0)
            out[used++] = '-';
        memcpy(out + used, word, len);
        used += len;
    }
    out[used] = '\0';
    return out;
}
