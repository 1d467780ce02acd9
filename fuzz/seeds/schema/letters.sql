table
tä€😀
tä€😀
CREATE TABLE "tä€😀"(ä TEXT, "é""x" BLOB)