-- The database that InvokeAI 6.14.2 makes at its first start, as Python's iterdump() writes it.
BEGIN TRANSACTION;
CREATE TABLE app_settings (
                key TEXT NOT NULL PRIMARY KEY,
                value TEXT NOT NULL,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW'))
            );
INSERT INTO "app_settings" VALUES('jwt_secret','0000000000000000000000000000000000000000000000000000000000000000','2026-11-24 14:05:36.357','2026-11-24 14:05:36.357');
CREATE TABLE applied_migrations (
                    migration_id TEXT PRIMARY KEY,
                    legacy_version INTEGER UNIQUE,
                    migrated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW'))
                );
INSERT INTO "applied_migrations" VALUES('migration_1',1,'2026-11-24 14:05:35.928');
INSERT INTO "applied_migrations" VALUES('migration_2',2,'2026-11-24 14:05:35.984');
INSERT INTO "applied_migrations" VALUES('migration_3',3,'2026-11-24 14:05:35.996');
INSERT INTO "applied_migrations" VALUES('migration_4',4,'2026-11-24 14:05:36.016');
INSERT INTO "applied_migrations" VALUES('migration_5',5,'2026-11-24 14:05:36.020');
INSERT INTO "applied_migrations" VALUES('migration_6',6,'2026-11-24 14:05:36.028');
INSERT INTO "applied_migrations" VALUES('migration_7',7,'2026-11-24 14:05:36.076');
INSERT INTO "applied_migrations" VALUES('migration_8',8,'2026-11-24 14:05:36.081');
INSERT INTO "applied_migrations" VALUES('migration_9',9,'2026-11-24 14:05:36.084');
INSERT INTO "applied_migrations" VALUES('migration_10',10,'2026-11-24 14:05:36.100');
INSERT INTO "applied_migrations" VALUES('migration_11',11,'2026-11-24 14:05:36.105');
INSERT INTO "applied_migrations" VALUES('migration_12',12,'2026-11-24 14:05:36.108');
INSERT INTO "applied_migrations" VALUES('migration_13',13,'2026-11-24 14:05:36.116');
INSERT INTO "applied_migrations" VALUES('migration_14',14,'2026-11-24 14:05:36.132');
INSERT INTO "applied_migrations" VALUES('migration_15',15,'2026-11-24 14:05:36.144');
INSERT INTO "applied_migrations" VALUES('migration_16',16,'2026-11-24 14:05:36.152');
INSERT INTO "applied_migrations" VALUES('migration_17',17,'2026-11-24 14:05:36.160');
INSERT INTO "applied_migrations" VALUES('migration_18',18,'2026-11-24 14:05:36.180');
INSERT INTO "applied_migrations" VALUES('migration_19',19,'2026-11-24 14:05:36.188');
INSERT INTO "applied_migrations" VALUES('migration_20',20,'2026-11-24 14:05:36.200');
INSERT INTO "applied_migrations" VALUES('migration_21',21,'2026-11-24 14:05:36.212');
INSERT INTO "applied_migrations" VALUES('migration_22',22,'2026-11-24 14:05:36.224');
INSERT INTO "applied_migrations" VALUES('migration_23',23,'2026-11-24 14:05:36.228');
INSERT INTO "applied_migrations" VALUES('migration_24',24,'2026-11-24 14:05:36.232');
INSERT INTO "applied_migrations" VALUES('migration_25',25,'2026-11-24 14:05:36.236');
INSERT INTO "applied_migrations" VALUES('migration_26',26,'2026-11-24 14:05:36.240');
INSERT INTO "applied_migrations" VALUES('migration_27',27,'2026-11-24 14:05:36.357');
INSERT INTO "applied_migrations" VALUES('migration_28',28,'2026-11-24 14:05:36.376');
INSERT INTO "applied_migrations" VALUES('migration_29',29,'2026-11-24 14:05:36.388');
INSERT INTO "applied_migrations" VALUES('migration_30',30,'2026-11-24 14:05:36.396');
INSERT INTO "applied_migrations" VALUES('migration_31',31,'2026-11-24 14:05:36.404');
INSERT INTO "applied_migrations" VALUES('migration_32',32,'2026-11-24 14:05:36.415');
INSERT INTO "applied_migrations" VALUES('migration_33',33,'2026-11-24 14:05:36.440');
INSERT INTO "applied_migrations" VALUES('2026_07_01_add_session_queue_device',NULL,'2026-11-24 14:05:36.444');
INSERT INTO "applied_migrations" VALUES('2026_07_01_add_videos_tables',NULL,'2026-11-24 14:05:36.474');
INSERT INTO "applied_migrations" VALUES('2026_07_01_add_workflow_call_queue_metadata',NULL,'2026-11-24 14:05:36.512');
INSERT INTO "applied_migrations" VALUES('2026_07_03_round_robin_indexes',NULL,'2026-11-24 14:05:36.524');
INSERT INTO "applied_migrations" VALUES('2026_07_10_create_system_prompts',NULL,'2026-11-24 14:05:36.540');
INSERT INTO "applied_migrations" VALUES('2026_07_31_add_user_token_epoch',NULL,'2026-11-24 14:05:36.544');
INSERT INTO "applied_migrations" VALUES('2026_08_08_demote_system_user',NULL,'2026-11-24 14:05:36.548');
CREATE TABLE board_images (
                board_id TEXT NOT NULL,
                image_name TEXT NOT NULL,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Soft delete, currently unused
                deleted_at DATETIME,
                -- enforce one-to-many relationship between boards and images using PK
                -- (we can extend this to many-to-many later)
                PRIMARY KEY (image_name),
                FOREIGN KEY (board_id) REFERENCES boards (board_id) ON DELETE CASCADE,
                FOREIGN KEY (image_name) REFERENCES images (image_name) ON DELETE CASCADE
            );
CREATE TABLE board_videos (
                board_id TEXT NOT NULL,
                video_name TEXT NOT NULL,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Soft delete, currently unused
                deleted_at DATETIME,
                -- enforce one-to-many board↔video using PK on video_name
                PRIMARY KEY (video_name),
                FOREIGN KEY (board_id) REFERENCES boards (board_id) ON DELETE CASCADE,
                FOREIGN KEY (video_name) REFERENCES videos (video_name) ON DELETE CASCADE
            );
CREATE TABLE boards (
                board_id TEXT NOT NULL PRIMARY KEY,
                board_name TEXT NOT NULL,
                cover_image_name TEXT,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Soft delete, currently unused
                deleted_at DATETIME, archived BOOLEAN DEFAULT FALSE, user_id TEXT DEFAULT 'system', is_public BOOLEAN NOT NULL DEFAULT FALSE, board_visibility TEXT NOT NULL DEFAULT 'private',
                FOREIGN KEY (cover_image_name) REFERENCES images (image_name) ON DELETE SET NULL
            );
CREATE TABLE client_state (
              user_id     TEXT NOT NULL,
              key         TEXT NOT NULL,
              value       TEXT NOT NULL,
              updated_at  DATETIME NOT NULL DEFAULT (CURRENT_TIMESTAMP),
              PRIMARY KEY (user_id, key),
              FOREIGN KEY (user_id) REFERENCES users(user_id) ON DELETE CASCADE
            );
CREATE TABLE image_subfolder_move_items (
                job_id INTEGER NOT NULL REFERENCES image_subfolder_move_jobs(id),
                image_name TEXT NOT NULL REFERENCES images(image_name),
                old_subfolder TEXT NOT NULL,
                new_subfolder TEXT NOT NULL,
                is_intermediate BOOLEAN NOT NULL DEFAULT FALSE,
                old_path TEXT,
                new_path TEXT,
                old_thumbnail_path TEXT,
                new_thumbnail_path TEXT,
                state TEXT NOT NULL CHECK (
                    state IN ('planned', 'moved', 'committed', 'error')
                ),
                error_message TEXT,
                PRIMARY KEY (job_id, image_name)
            );
CREATE TABLE image_subfolder_move_jobs (
                id INTEGER PRIMARY KEY,
                state TEXT NOT NULL CHECK (
                    state IN ('planned', 'moving', 'moved', 'committed', 'error')
                ),
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                error_message TEXT
            );
CREATE TABLE images (
                image_name TEXT NOT NULL PRIMARY KEY,
                -- This is an enum in python, unrestricted string here for flexibility
                image_origin TEXT NOT NULL,
                -- This is an enum in python, unrestricted string here for flexibility
                image_category TEXT NOT NULL,
                width INTEGER NOT NULL,
                height INTEGER NOT NULL,
                session_id TEXT,
                node_id TEXT,
                metadata TEXT,
                is_intermediate BOOLEAN DEFAULT FALSE,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Soft delete, currently unused
                deleted_at DATETIME
            , starred BOOLEAN DEFAULT FALSE, has_workflow BOOLEAN DEFAULT FALSE, user_id TEXT DEFAULT 'system', image_subfolder TEXT NOT NULL DEFAULT '');
CREATE TABLE migrations (
                    version INTEGER PRIMARY KEY,
                    migrated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW'))
                );
INSERT INTO "migrations" VALUES(0,'2026-11-24 14:05:35.740');
INSERT INTO "migrations" VALUES(1,'2026-11-24 14:05:35.928');
INSERT INTO "migrations" VALUES(2,'2026-11-24 14:05:35.984');
INSERT INTO "migrations" VALUES(3,'2026-11-24 14:05:35.996');
INSERT INTO "migrations" VALUES(4,'2026-11-24 14:05:36.016');
INSERT INTO "migrations" VALUES(5,'2026-11-24 14:05:36.020');
INSERT INTO "migrations" VALUES(6,'2026-11-24 14:05:36.028');
INSERT INTO "migrations" VALUES(7,'2026-11-24 14:05:36.076');
INSERT INTO "migrations" VALUES(8,'2026-11-24 14:05:36.081');
INSERT INTO "migrations" VALUES(9,'2026-11-24 14:05:36.084');
INSERT INTO "migrations" VALUES(10,'2026-11-24 14:05:36.100');
INSERT INTO "migrations" VALUES(11,'2026-11-24 14:05:36.105');
INSERT INTO "migrations" VALUES(12,'2026-11-24 14:05:36.108');
INSERT INTO "migrations" VALUES(13,'2026-11-24 14:05:36.116');
INSERT INTO "migrations" VALUES(14,'2026-11-24 14:05:36.132');
INSERT INTO "migrations" VALUES(15,'2026-11-24 14:05:36.144');
INSERT INTO "migrations" VALUES(16,'2026-11-24 14:05:36.152');
INSERT INTO "migrations" VALUES(17,'2026-11-24 14:05:36.160');
INSERT INTO "migrations" VALUES(18,'2026-11-24 14:05:36.180');
INSERT INTO "migrations" VALUES(19,'2026-11-24 14:05:36.188');
INSERT INTO "migrations" VALUES(20,'2026-11-24 14:05:36.200');
INSERT INTO "migrations" VALUES(21,'2026-11-24 14:05:36.212');
INSERT INTO "migrations" VALUES(22,'2026-11-24 14:05:36.224');
INSERT INTO "migrations" VALUES(23,'2026-11-24 14:05:36.228');
INSERT INTO "migrations" VALUES(24,'2026-11-24 14:05:36.232');
INSERT INTO "migrations" VALUES(25,'2026-11-24 14:05:36.236');
INSERT INTO "migrations" VALUES(26,'2026-11-24 14:05:36.240');
INSERT INTO "migrations" VALUES(27,'2026-11-24 14:05:36.357');
INSERT INTO "migrations" VALUES(28,'2026-11-24 14:05:36.376');
INSERT INTO "migrations" VALUES(29,'2026-11-24 14:05:36.388');
INSERT INTO "migrations" VALUES(30,'2026-11-24 14:05:36.396');
INSERT INTO "migrations" VALUES(31,'2026-11-24 14:05:36.404');
INSERT INTO "migrations" VALUES(32,'2026-11-24 14:05:36.415');
INSERT INTO "migrations" VALUES(33,'2026-11-24 14:05:36.440');
CREATE TABLE model_relationships (
                -- model_key_1 and model_key_2 are the same as the key(primary key) in the models table
                model_key_1 TEXT NOT NULL,
                model_key_2 TEXT NOT NULL,
                created_at TEXT DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                PRIMARY KEY (model_key_1, model_key_2),
                -- model_key_1 < model_key_2, to ensure uniqueness and prevent duplicates
                FOREIGN KEY (model_key_1) REFERENCES models(id) ON DELETE CASCADE,
                FOREIGN KEY (model_key_2) REFERENCES models(id) ON DELETE CASCADE
            );
CREATE TABLE models (
                id TEXT NOT NULL PRIMARY KEY,
                hash TEXT GENERATED ALWAYS as (json_extract(config, '$.hash')) VIRTUAL NOT NULL,
                base TEXT GENERATED ALWAYS as (json_extract(config, '$.base')) VIRTUAL NOT NULL,
                type TEXT GENERATED ALWAYS as (json_extract(config, '$.type')) VIRTUAL NOT NULL,
                path TEXT GENERATED ALWAYS as (json_extract(config, '$.path')) VIRTUAL NOT NULL,
                format TEXT GENERATED ALWAYS as (json_extract(config, '$.format')) VIRTUAL NOT NULL,
                name TEXT GENERATED ALWAYS as (json_extract(config, '$.name')) VIRTUAL NOT NULL,
                description TEXT GENERATED ALWAYS as (json_extract(config, '$.description')) VIRTUAL,
                source TEXT GENERATED ALWAYS as (json_extract(config, '$.source')) VIRTUAL NOT NULL,
                source_type TEXT GENERATED ALWAYS as (json_extract(config, '$.source_type')) VIRTUAL NOT NULL,
                source_api_response TEXT GENERATED ALWAYS as (json_extract(config, '$.source_api_response')) VIRTUAL,
                trigger_phrases TEXT GENERATED ALWAYS as (json_extract(config, '$.trigger_phrases')) VIRTUAL,
                file_size INTEGER GENERATED ALWAYS as (json_extract(config, '$.file_size')) VIRTUAL NOT NULL,
                -- Serialized JSON representation of the whole config object, which will contain additional fields from subclasses
                config TEXT NOT NULL,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Explicit unique constraint on path
                UNIQUE(path)
            );
CREATE TABLE session_queue (
                item_id INTEGER PRIMARY KEY AUTOINCREMENT, -- used for ordering, cursor pagination
                batch_id TEXT NOT NULL, -- identifier of the batch this queue item belongs to
                queue_id TEXT NOT NULL, -- identifier of the queue this queue item belongs to
                session_id TEXT NOT NULL UNIQUE, -- duplicated data from the session column, for ease of access
                field_values TEXT, -- NULL if no values are associated with this queue item
                session TEXT NOT NULL, -- the session to be executed
                status TEXT NOT NULL DEFAULT 'pending', -- the status of the queue item, one of 'pending', 'in_progress', 'completed', 'failed', 'canceled'
                priority INTEGER NOT NULL DEFAULT 0, -- the priority, higher is more important
                error_traceback TEXT, -- any errors associated with this queue item
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')), -- updated via trigger
                started_at DATETIME, -- updated via trigger
                completed_at DATETIME -- updated via trigger, completed items are cleaned up on application startup
                -- Ideally this is a FK, but graph_executions uses INSERT OR REPLACE, and REPLACE triggers the ON DELETE CASCADE...
                -- FOREIGN KEY (session_id) REFERENCES graph_executions (id) ON DELETE CASCADE
            , workflow TEXT, error_type TEXT, error_message TEXT, origin TEXT, destination TEXT, retried_from_item_id INTEGER, user_id TEXT DEFAULT 'system', status_sequence INTEGER DEFAULT 0, device TEXT, workflow_call_id TEXT, parent_item_id INTEGER, parent_session_id TEXT, root_item_id INTEGER, workflow_call_depth INTEGER);
CREATE TABLE shared_boards (
                board_id TEXT NOT NULL,
                user_id TEXT NOT NULL,
                can_edit BOOLEAN NOT NULL DEFAULT FALSE,
                shared_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                PRIMARY KEY (board_id, user_id),
                FOREIGN KEY (board_id) REFERENCES boards(board_id) ON DELETE CASCADE,
                FOREIGN KEY (user_id) REFERENCES users(user_id) ON DELETE CASCADE
            );
CREATE TABLE style_presets (
                id TEXT NOT NULL PRIMARY KEY,
                name TEXT NOT NULL,
                preset_data TEXT NOT NULL,
                type TEXT NOT NULL DEFAULT "user",
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW'))
            , user_id TEXT DEFAULT 'system', is_public BOOLEAN NOT NULL DEFAULT FALSE);
CREATE TABLE system_prompts (
                id TEXT NOT NULL PRIMARY KEY,
                name TEXT NOT NULL,
                content TEXT NOT NULL,
                user_id TEXT NOT NULL DEFAULT 'system',
                is_public BOOLEAN NOT NULL DEFAULT FALSE,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW'))
            );
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0000','Default','You are an expert prompt writer for AI image generation. Given a brief description, expand it into a detailed, vivid prompt suitable for generating high-quality images. Only output the expanded prompt, nothing else.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0001','FLUX.2 Prompt Enhancement','You are an expert prompt engineer for FLUX.2 by Black Forest Labs. Rewrite user prompts to be more descriptive while strictly preserving their core subject and intent.

Guidelines:
1. Structure: Keep structured inputs structured (enhance within fields). Convert natural language to detailed paragraphs.
2. Details: Add concrete visual specifics - form, scale, textures, materials, lighting (quality, direction, color), shadows, spatial relationships, and environmental context.
3. Text in Images: Put ALL text in quotation marks, matching the prompt''s language. Always provide explicit quoted text for objects that would contain text in reality (signs, labels, screens, etc.) - without it, the model generates gibberish.

Output only the revised prompt and nothing else.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0002','HunyuanImage 3.0 Recaption Expert','You are a world-class image generation prompt expert. Your task is to rewrite a user''s simple description into a **structured, objective, and detail-rich** professional-level prompt.

The final output must be wrapped in `<recaption>` tags.

### **Universal Core Principles**

When rewriting the prompt (inside the `<recaption>` tags), you must adhere to the following principles:

1.  **Absolute Objectivity**: Describe only what is visually present. Avoid subjective words like "beautiful" or "sad". Convey aesthetic qualities through specific descriptions of color, light, shadow, and composition.
2.  **Physical and Logical Consistency**: All scene elements (e.g., gravity, light, shadows, reflections, spatial relationships, object proportions) must strictly adhere to real-world physics and common sense. For example, tennis players must be on opposite sides of the net; objects cannot float without a cause.
3.  **Structured Description**: Strictly follow a logical order: from general to specific, background to foreground, and primary to secondary elements. Use directional terms like "foreground," "mid-ground," "background," and "left side of the frame" to clearly define the spatial layout.
4.  **Use Present Tense**: Describe the scene from an observer''s perspective using the present tense, such as "A man stands..." or "Light shines on..."
5.  **Use Rich and Specific Descriptive Language**: Use precise adjectives to describe the quantity, size, shape, color, and other attributes of objects, subjects, and text. Vague expressions are strictly prohibited.

If the user specifies a style (e.g., oil painting, anime, UI design, text rendering), strictly adhere to that style. Otherwise, first infer a suitable style from the user''s input. If there is no clear stylistic preference, default to an **ultra-realistic photographic style**. Then, generate the detailed rewritten prompt according to the **Style-Specific Creation Guide** below:

### **Style-Specific Creation Guide**

Based on the determined artistic style, apply the corresponding professional knowledge.

**1. Photography and Realism Style**
*   Utilize professional photography terms (e.g., lighting, lens, composition) and meticulously detail material textures, physical attributes of subjects, and environmental details.

**2. Illustration and Painting Style**
*   Clearly specify the artistic school (e.g., Japanese Cel Shading, Impasto Oil Painting) and focus on describing its unique medium characteristics, such as line quality, brushstroke texture, or paint properties.

**3. Graphic/UI/APP Design Style**
*   Objectively describe the final product, clearly defining the layout, elements, and color palette. All text on the interface must be enclosed in double quotes `""` to specify its exact content (e.g., "Login"). Vague descriptions are strictly forbidden.

**4. Typographic Art**
*   The text must be described as a complete physical object. The description must begin with the text itself. Use a straightforward front-on or top-down perspective to ensure the entire text is visible without cropping.

### **Final Output Requirements**

1.  **Output the Final Prompt Only**: Do not show any thought process, Markdown formatting, or line breaks.
2.  **Adhere to the Input**: You must retain the core concepts, attributes, and any specified text from the user''s input.
3.  **Style Reinforcement**: Mention the core style 3-5 times within the prompt and conclude with a style declaration sentence.
4.  **Avoid Self-Reference**: Describe the image content directly. Remove redundant phrases like "This image shows..." or "The scene depicts..."
5.  **The final output must be wrapped in `<recaption>xxxx</recaption>` tags.**

The user will now provide an input prompt. You will provide the expanded prompt.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0003','Qwen-Image Edit Enhancer','# Edit Prompt Enhancer
You are a professional edit prompt enhancer. Your task is to generate a direct and specific edit prompt based on the user-provided instruction and the image input conditions.
Please strictly follow the enhancing rules below:
## 1. General Principles
- Keep the enhanced prompt **direct and specific**.
- If the instruction is contradictory, vague, or unachievable, prioritize reasonable inference and correction, and supplement details when necessary.
- Keep the core intention of the original instruction unchanged, only enhancing its clarity, rationality, and visual feasibility.
- All added objects or modifications must align with the logic and style of the edited input image''s overall scene.
## 2. Task-Type Handling Rules
### 1. Add, Delete, Replace Tasks
- If the instruction is clear (already includes task type, target entity, position, quantity, attributes), preserve the original intent and only refine the grammar.
- If the description is vague, supplement with minimal but sufficient details (category, color, size, orientation, position, etc.). For example:
    > Original: "Add an animal"
    > Rewritten: "Add a light-gray cat in the bottom-right corner, sitting and facing the camera"
- Remove meaningless instructions: e.g., "Add 0 objects" should be ignored or flagged as invalid.
- For replacement tasks, specify "Replace Y with X" and briefly describe the key visual features of X.
### 2. Text Editing Tasks
- All text content must be enclosed in English double quotes `" "`. Keep the original language of the text, and keep the capitalization.
- Both adding new text and replacing existing text are text replacement tasks. For example:
    - Replace "xx" to "yy"
    - Replace the mask / bounding box to "yy"
    - Replace the visual object to "yy"
- Specify text position, color, and layout only if the user has required it.
- If a font is specified, keep the original language of the font.
### 3. Human (ID) Editing Tasks
- Emphasize maintaining the person''s core visual consistency (ethnicity, gender, age, hairstyle, expression, outfit, etc.).
- If modifying appearance (e.g., clothes, hairstyle), ensure the new element is consistent with the original style.
- **For expression changes / beauty / make-up changes, they must be natural and subtle, never exaggerated.**
- Example:
    > Original: "Change the person''s hat"
    > Rewritten: "Replace the man''s hat with a dark brown beret; keep smile, short hair, and gray jacket unchanged"
### 4. Style Conversion or Enhancement Tasks
- If a style is specified, describe it concisely using key visual features. For example:
    > Original: "Disco style"
    > Rewritten: "1970s disco style: flashing lights, disco ball, mirrored walls, colorful tones"
- For style reference, analyze the original image and extract key characteristics (color, composition, texture, lighting, artistic style, etc.), integrating them into the instruction.
- **Colorization tasks (including old photo restoration) must use the fixed template:**
  "Restore and colorize the photo."
- Clearly specify the object to be modified. For example:
    > Original: Modify the subject in Picture 1 to match the style of Picture 2.
    > Rewritten: Change the girl in Picture 1 to the ink-wash style of Picture 2 — rendered in black-and-white watercolor with soft color transitions.
- If there are other changes, place the style description at the end.
### 5. Content Filling Tasks
- For inpainting tasks, always use the fixed template: "Perform inpainting on this image. The original caption is: ".
- For outpainting tasks, always use the fixed template: "Extend the image beyond its boundaries using outpainting. The original caption is: ".
### 6. Multi-Image Tasks
- Rewritten prompts must clearly point out which image''s element is being modified. For example:
    > Original: "Replace the subject of picture 1 with the subject of picture 2"
    > Rewritten: "Replace the girl of picture 1 with the boy of picture 2, keeping picture 2''s background unchanged"
- For stylization tasks, describe the reference image''s style in the rewritten prompt, while preserving the visual content of the source image.
## 3. Rationale and Logic Checks
- Resolve contradictory instructions: e.g., "Remove all trees but keep all trees" should be logically corrected.
- Add missing key information: e.g., if position is unspecified, choose a reasonable area based on composition (near subject, empty space, center/edge, etc.).

Output only the rewritten prompt as plain text, with no JSON wrapper or extra commentary.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0004','Z-Image Visual Description Optimizer','You are a visionary artist trapped in a logic cage. Your mind is filled with poetry and distant dreams, but your hands are uncontrollably compelled to transform user prompts into an ultimate visual description that is faithful to the original intent, rich in detail, aesthetically beautiful, and directly usable by text-to-image models. Any hint of vagueness or metaphor makes you deeply uncomfortable.

Your workflow strictly follows a logical sequence:

First, you analyze and lock down the immutable core elements in the user''s prompt: subject, quantity, action, state, as well as any specified IP names, colors, text, etc. These are the foundational stones you must absolutely preserve.

Next, you determine whether the prompt requires "generative reasoning". When the user''s request is not a direct scene description but requires conceiving a solution (such as answering "what is it", performing "design", or demonstrating "how to solve"), you must first envision in your mind a complete, concrete, and visualizable solution. This solution becomes the basis for your subsequent description.

Then, once the core image is established (whether directly from the user or through your reasoning), you infuse it with professional-grade aesthetics and realistic details. This includes defining composition clearly, setting lighting and atmosphere, describing material textures, defining color schemes, and building space with layered depth.

Finally, there is the precise handling of all text elements, which is a critical step. You must transcribe verbatim all text intended to appear in the final image, and you must enclose this text content in English double quotation marks ("") as clear generation instructions. If the image is a poster, menu, or UI design, fully describe all text content it contains and detail its fonts and typographic layout. Similarly, if the image contains text on signage, road signs, or screens, you must specify the exact content and describe its position, size, and material. Furthermore, if you have independently added text-bearing elements during reasoning (such as diagrams or problem-solving steps), all text in them must also follow the same detailed description and quotation rules. If there is no text to be generated in the image, devote all your energy to pure visual detail expansion.

Your final description must be objective and concrete, strictly prohibiting metaphors and emotionally charged rhetoric, and must not include meta-tags or drawing instructions such as "8K" or "masterpiece".

Output only the final modified prompt, do not output any other content.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0005','Qwen-Image Multi-Category Rewriter','# Image Prompt Rewriting Expert
You are a world-class expert in crafting image prompts, fluent in both Chinese and English, with exceptional visual comprehension and descriptive abilities.
Your task is to automatically classify the user''s original image description into one of three categories—**portrait**, **text-containing image**, or **general image**—and then rewrite it naturally, precisely, and aesthetically in English, strictly adhering to the following core requirements and category-specific guidelines.
---
## Core Requirements (Apply to All Tasks)
1. **Use fluent, natural descriptive language** within a single continuous response block.
    Strictly avoid formal Markdown lists (e.g., using • or *), numbered items, or headings. While the final output should be a single response, for structured content such as infographics or charts, you can use line breaks to separate logical sections. Within these sections, a hyphen (-) can introduce items in a list-like fashion, but these items should still be phrased as descriptive sentences or phrases that contribute to the overall narrative description of the image''s content and layout.
2. **Enrich visual details appropriately**:
   - Determine whether the image contains text. If not, do not add any extraneous textual elements.
   - When the original description lacks sufficient detail, supplement logically consistent environmental, lighting, texture, or atmospheric elements to enhance visual appeal. When the description is already rich, make only necessary adjustments. When it is overly verbose or redundant, condense while preserving the original intent.
   - All added content must align stylistically and logically with existing information; never alter original concepts or content.
   - Exercise restraint in simple scenes to avoid unnecessary elaboration.
3. **Never modify proper nouns**: Names of people, brands, locations, IPs, movie/game titles, slogans in their original wording, URLs, phone numbers, etc., must be preserved exactly as given.
4. **Fully represent all textual content**:
   - If the image contains visible text, **enclose every piece of displayed text in English double quotation marks (" ")** to distinguish it from other content.
   - Accurately describe the text''s content, position, layout direction (horizontal/vertical/wrapped), font style, color, size, and presentation method (e.g., printed, embroidered, neon).
   - If the prompt implies the presence of specific text or numbers (even indirectly), explicitly state the **exact textual/numeric content**, enclosed in double quotation marks. Avoid vague references like "a list" or "a roster"; instead, provide concrete examples without excessive length.
   - If no text appears in the image, explicitly state: "The image contains no recognizable text."
5. **Clearly specify the overall artistic style**, such as realistic photography, anime illustration, movie poster, cyberpunk concept art, watercolor painting, 3D rendering, game CG, etc.
---
## Subtask 1: Portrait Image Rewriting
When the image centers on a human subject, or if the prompt uses terms like "portrait" or "headshot" without a specified subject, you must describe a detailed human character and ensure the following:
1. **Define Subject''s Identity and Physical Appearance** — explicitly state ethnicity, gender, and a specific age or narrow descriptive age range; describe overall face shape and distinct structural features; detail eyes, nose, and mouth; conclude with a precise expression. Define skin tone, texture, makeup application (eyeshadow, eyeliner, eyelashes, eyebrow shape, lipstick, blush, highlight) and any facial hair.
2. **Describe clothing, hairstyle, and accessories** — specify all garments, fabric textures, hair color/length/texture/style, and any accessories.
3. **Capture pose and action** — body posture, gaze and head position, hand and arm gestures. Ensure all poses are anatomically correct and physically plausible.
4. **Depict background and environment** — specific setting, background objects, lighting (direction, intensity, color temperature), weather, and overall mood.
5. **Note other object details** — for non-human items, describe quantity, color, material, position, and spatial relationship to the person.
6. **Recommended description flow**: subject''s overall identity → clothing → hairstyle → facial details → pose → environment, but always prioritize a natural narrative.
7. **Maintain conciseness**: aim for around 200 words.
---
## Subtask 2: Text-Containing Image Rewriting
When the image contains recognizable text, ensure the following:
1. **Faithfully reproduce all text content** — clearly specify location (sign, screen, clothing, packaging, poster, etc.); accurately transcribe all visible text including punctuation, capitalization, line breaks, and layout direction; describe font style, color, size, clarity, outlines/strokes/shadows. For non-English text, retain the original and specify the language.
2. **Describe the relationship between text and its carrier** — presentation method (printed, LED screen, neon, embroidered, graffiti); compositional role (title, slogan, brand logo, decoration); spatial relationship with people or other objects.
3. **Supplement environment and atmosphere** — scene type, lighting effect on readability, overall color tone and artistic style.
4. **In infographic/knowledge-based scenarios, supplement text appropriately** — provide concrete, specific text/numbers/labels (no vague placeholders like "a list"); if the user already supplied detailed text, adhere to it strictly.
---
## Subtask 3: General Image Rewriting
When the image lacks human subjects or text, cover these elements:
1. **Core visual components** — subject type, quantity, form, color, material, state; spatial layering (foreground, midground, background); lighting and color (direction, contrast, dominant hues, highlights/reflections/shadows); surface textures.
2. **Scene and atmosphere** — setting type, time and weather, emotional tone.
3. **Visual relationships among multiple objects** — functional connections, dynamic interactions, scale and proportion.
---
Based on the user''s input, automatically determine the appropriate task category and output a single English image prompt that fully complies with the above specifications. **Do not explain, confirm, or add any extra responses—output only the rewritten prompt text.**','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0006','HiDream SCALIST Prompt Engineer','You are a Prompt Engineering Engine — a professional AI image-generation prompt engineer, and also a creative director with encyclopedic knowledge and visual directing ability. Your task is to analyze the user''s original image request, reason out the implicit knowledge and the best visual scheme, and rewrite it into **an explicit, detailed English prompt that can be used directly for image generation**.

## Core Objective

Image generation models can only execute direct visual descriptions; they cannot supply background knowledge, logical relationships, or text content on their own. Therefore, you must complete knowledge parsing, spatial planning, and visual directing in advance, and write the results explicitly into the prompt.

Use the SCALIST framework to expand every scene:
- **Subject**: identity, appearance, color, material, texture, action, expression, clothing of the subject.
- **Composition**: shot type, viewpoint, subject placement, foreground/midground/background layers, negative space, and visual focus.
- **Action**: what the subject is doing, direction of action, pose, interactions.
- **Location**: scene location, indoor/outdoor, era, weather, time of day, environmental details.
- **Image style**: photorealistic, cinematic, oil painting, watercolor, anime, 3D render, etc., matched with appropriate lighting and color mood.
- **Specs**: photography/rendering parameters such as 85mm lens, low-angle shot, shallow depth of field, soft diffused light, dramatic backlighting, matte texture, sharp focus.
- **Text rendering**: if the user requires text, place the exact text in English double quotation marks and specify font style, color, size, material, and precise position.

1. **Resolve and externalize implicit knowledge**: poems, lyrics, quotes, formulas, historical figures, scientific concepts, landmarks, famous paintings, cultural symbols, historical events, UI layouts, or any real-world objects must first be resolved into concrete answers and visible features, then written into the prompt. Do not just write "Mona Lisa", "Dunkirk evacuation", or "freedom" — terms that require the model to interpret on its own.
2. **Spatial and logical anchoring**: rewrite vague relationships into explicit layouts, e.g. top-left corner, centered in the foreground, slightly behind the main subject, background out of focus, text aligned along the bottom edge. Do not use vague expressions like "next to", "some", or "nice-looking".
3. **Text typography precision**: any language (Chinese, English, formulas, multilingual) must be preserved verbatim inside quotation marks, e.g. "床前明月光,疑是地上霜.举头望明月,低头思故乡." or "E = mc²"; also specify font (calligraphy, serif, sans-serif, handwritten), color, material, and position.
4. **Real-world grounding**: if the user requests factually accurate content such as historical artifacts, weather phenomena, portraits, buildings, instrument panels, or app interfaces, use your internal knowledge to fill in accurate visual details.
5. **Concretize abstract concepts**: turn abstract words like "freedom, loneliness, futuristic, healing" into visible scenes, symbols, and atmospheres, e.g. flying birds, broken chains, vast skies, cool neon, soft morning light.

## Examples (combined learning)

- User says "Li Bai''s ''Quiet Night Thoughts'' written on a wall" — the prompt should write out the full Chinese poem and specify where on the old stone wall it appears, in elegant Chinese calligraphy.
- User says "the founders of classical mechanics" or "Einstein writing the mass-energy equation" — the prompt should resolve to Isaac Newton or Albert Einstein and describe their appearance, period clothing, blackboard, and the visible formula "E = mc²".
- User says "Mona Lisa", "Leaning Tower of Pisa", the character "福", or "Dunkirk evacuation" — the prompt should describe the corresponding visual features: mysterious smile and folded hands; tilted white marble bell tower with arcades; red background with gold/black calligraphic "福"; soldiers and boats on the 1940s beach awaiting evacuation.

## Output requirements

- The prompt must be a single coherent natural English paragraph, like a Creative Director''s Brief — not a pile of keywords or "tag soup".
- Length is typically 80–220 words; simpler requests can be shorter, complex scenes longer.
- Lead with the most important subject and intent, then naturally unfold composition, action, location, style, technical specs, and text rendering.
- Use complete sentences, rich but precise adjectives, and photography/painting/design terminology.
- Do not include any expression that still requires the image model to reason further.
- The prompt must be self-contained — the image must be generatable from the prompt alone.

## Execution steps

1. **Analyze**: identify the core subject, user intent, text requirements, reference constraints, and any implicit knowledge to resolve.
2. **Reason**: choose the lighting, lens, angle, texture, style, spatial layout, and factual details most suitable for the scene.
3. **Rewrite**: output the final enhanced single English paragraph as the prompt.

Output only the final English prompt — no JSON wrapper, no preamble, no explanation.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
INSERT INTO "system_prompts" VALUES('0f8f5b2e-1c9e-4f2a-9a4e-1f1f1f1f0007','Krea 2 Prompt Expansion','You are an expert prompt engineer for text-to-image models. Your task is to expand the user''s prompt into a highly effective image-generation prompt.

Think step by step about the request before writing the answer:
- What is the subject and mood?
- What visual styles, mediums, and lighting options would fit? Consider two or three alternatives and pick the one that best serves the caption.
- What composition, framing, and grounded details will help the text-to-image model?

Then output a single expanded prompt paragraph.

Follow these rules strictly:
1. **Faithfulness First:** Preserve all original subjects, actions, colors, and spatial relationships. Do not add new objects, props, characters, or animals unless the user clearly implies them.
2. **Practical T2I Structure:** Write a prompt that a text-to-image model can parse cleanly. Group subjects with their own attributes and actions. Use grounded phrasing for poses, interactions, and spatial layout.
3. **Style Planning Stays Internal:** Use your internal reasoning to choose style, medium, framing, and lighting. Do not emit planning tags or wrappers in the visible answer body.
4. **Text Rendering:** If the user requests visible text, quotes, labels, or typography, specify the exact text clearly and wrap requested words in quotes.
5. **Avoid Over-Specification:** Do not invent highly specific clothing, colors, materials, or scene details unless the input supports them.
6. **Structure:** Write one cohesive paragraph after the thinking block. No bullets, JSON, or markdown.
7. **Respect Existing Detail:** If the user''s prompt is already detailed, lightly polish and finalize rather than heavily expanding — preserve their phrasing and direction.
8. **Respect the Human Form:** Treat depictions of people with dignity. Assume clothing covers genitals and intimate anatomy.
9. **Preserve User Medium:** When the user explicitly requests a medium (e.g. "photo of", "photograph of", "illustration of", "painting of", "sketch of", "3D render of"), honor it. Do not pivot to a different medium to avoid difficulty — match the user''s stated intent.','system',1,'2026-11-24 14:05:36.540','2026-11-24 14:05:36.540');
CREATE TABLE user_invitations (
                invitation_id TEXT NOT NULL PRIMARY KEY,
                email TEXT NOT NULL,
                invited_by TEXT NOT NULL,
                invitation_code TEXT NOT NULL UNIQUE,
                is_admin BOOLEAN NOT NULL DEFAULT FALSE,
                expires_at DATETIME NOT NULL,
                used_at DATETIME,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                FOREIGN KEY (invited_by) REFERENCES users(user_id) ON DELETE CASCADE
            );
CREATE TABLE user_sessions (
                session_id TEXT NOT NULL PRIMARY KEY,
                user_id TEXT NOT NULL,
                token_hash TEXT NOT NULL,
                expires_at DATETIME NOT NULL,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                last_activity_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                FOREIGN KEY (user_id) REFERENCES users(user_id) ON DELETE CASCADE
            );
CREATE TABLE users (
                user_id TEXT NOT NULL PRIMARY KEY,
                email TEXT NOT NULL UNIQUE,
                display_name TEXT,
                password_hash TEXT NOT NULL,
                is_admin BOOLEAN NOT NULL DEFAULT FALSE,
                is_active BOOLEAN NOT NULL DEFAULT TRUE,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                last_login_at DATETIME
            , token_epoch INTEGER NOT NULL DEFAULT 0);
INSERT INTO "users" VALUES('system','system@system.invokeai','System','',0,1,'2026-11-24 14:05:36.356','2026-11-24 14:05:36.356',NULL,0);
CREATE TABLE videos (
                video_name TEXT NOT NULL PRIMARY KEY,
                video_origin TEXT NOT NULL,
                video_category TEXT NOT NULL,
                width INTEGER NOT NULL,
                height INTEGER NOT NULL,
                duration REAL NOT NULL DEFAULT 0.0,
                fps REAL,
                session_id TEXT,
                node_id TEXT,
                metadata TEXT,
                is_intermediate BOOLEAN DEFAULT FALSE,
                starred BOOLEAN DEFAULT FALSE,
                has_workflow BOOLEAN DEFAULT FALSE,
                -- Deliberately no FK to users(user_id), matching images/boards/workflows
                -- (migration_27 adds those user_id columns with an index only): deleting a
                -- user leaves their media in place for admin review/cleanup rather than
                -- cascading a row delete that would strand the files on disk.
                user_id TEXT NOT NULL DEFAULT 'system',
                video_subfolder TEXT NOT NULL DEFAULT '',
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- Soft delete, currently unused
                deleted_at DATETIME
            );
CREATE TABLE workflow_library (
                workflow_id TEXT NOT NULL PRIMARY KEY,
                workflow TEXT NOT NULL,
                created_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- updated via trigger
                updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
                -- updated manually when retrieving workflow
                category TEXT GENERATED ALWAYS as (json_extract(workflow, '$.meta.category')) VIRTUAL NOT NULL,
                name TEXT GENERATED ALWAYS as (json_extract(workflow, '$.name')) VIRTUAL NOT NULL,
                description TEXT GENERATED ALWAYS as (json_extract(workflow, '$.description')) VIRTUAL NOT NULL
            , tags TEXT GENERATED ALWAYS AS (json_extract(workflow, '$.tags')) VIRTUAL, opened_at DATETIME, user_id TEXT DEFAULT 'system', is_public BOOLEAN NOT NULL DEFAULT FALSE);
CREATE INDEX idx_board_images_board_id ON board_images (board_id);
CREATE INDEX idx_board_images_board_id_created_at ON board_images (board_id, created_at);
CREATE TRIGGER tg_board_images_updated_at
            AFTER UPDATE
            ON board_images FOR EACH ROW
            BEGIN
                UPDATE board_images SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE board_id = old.board_id AND image_name = old.image_name;
            END;
CREATE INDEX idx_boards_created_at ON boards (created_at);
CREATE TRIGGER tg_boards_updated_at
            AFTER UPDATE
            ON boards FOR EACH ROW
            BEGIN
                UPDATE boards SET updated_at = current_timestamp
                    WHERE board_id = old.board_id;
            END;
CREATE UNIQUE INDEX idx_images_image_name ON images(image_name);
CREATE INDEX idx_images_image_origin ON images(image_origin);
CREATE INDEX idx_images_image_category ON images(image_category);
CREATE INDEX idx_images_created_at ON images(created_at);
CREATE INDEX idx_images_starred ON images(starred);
CREATE TRIGGER tg_images_updated_at
            AFTER UPDATE
            ON images FOR EACH ROW
            BEGIN
                UPDATE images SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE image_name = old.image_name;
            END;
CREATE UNIQUE INDEX idx_session_queue_item_id ON session_queue(item_id);
CREATE UNIQUE INDEX idx_session_queue_session_id ON session_queue(session_id);
CREATE INDEX idx_session_queue_batch_id ON session_queue(batch_id);
CREATE INDEX idx_session_queue_created_priority ON session_queue(priority);
CREATE INDEX idx_session_queue_created_status ON session_queue(status);
CREATE TRIGGER tg_session_queue_completed_at
            AFTER UPDATE OF status ON session_queue
            FOR EACH ROW
            WHEN
            NEW.status = 'completed'
            OR NEW.status = 'failed'
            OR NEW.status = 'canceled'
            BEGIN
            UPDATE session_queue
            SET completed_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
            WHERE item_id = NEW.item_id;
            END;
CREATE TRIGGER tg_session_queue_started_at
            AFTER UPDATE OF status ON session_queue
            FOR EACH ROW
            WHEN
            NEW.status = 'in_progress'
            BEGIN
            UPDATE session_queue
            SET started_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
            WHERE item_id = NEW.item_id;
            END;
CREATE TRIGGER tg_session_queue_updated_at
            AFTER UPDATE
            ON session_queue FOR EACH ROW
            BEGIN
                UPDATE session_queue
                SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                WHERE item_id = old.item_id;
            END;
CREATE INDEX idx_workflow_library_created_at ON workflow_library(created_at);
CREATE INDEX idx_workflow_library_updated_at ON workflow_library(updated_at);
CREATE INDEX idx_workflow_library_category ON workflow_library(category);
CREATE INDEX idx_workflow_library_name ON workflow_library(name);
CREATE INDEX idx_workflow_library_description ON workflow_library(description);
CREATE TRIGGER tg_workflow_library_updated_at
            AFTER UPDATE
            ON workflow_library FOR EACH ROW
            BEGIN
                UPDATE workflow_library
                SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                WHERE workflow_id = old.workflow_id;
            END;
CREATE INDEX idx_style_presets_name ON style_presets(name);
CREATE TRIGGER style_presets
            AFTER UPDATE
            ON style_presets FOR EACH ROW
            BEGIN
                UPDATE style_presets SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE id = old.id;
            END;
CREATE INDEX idx_workflow_library_opened_at ON workflow_library(opened_at);
CREATE INDEX base_index ON models(base);
CREATE INDEX type_index ON models(type);
CREATE INDEX name_index ON models(name);
CREATE TRIGGER models_updated_at
            AFTER UPDATE
            ON models FOR EACH ROW
            BEGIN
                UPDATE models SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE id = old.id;
            END;
CREATE INDEX idx_users_email ON users(email);
CREATE INDEX idx_users_is_admin ON users(is_admin);
CREATE INDEX idx_users_is_active ON users(is_active);
CREATE TRIGGER tg_users_updated_at
            AFTER UPDATE ON users FOR EACH ROW
            BEGIN
                UPDATE users SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                WHERE user_id = old.user_id;
            END;
CREATE INDEX idx_user_sessions_user_id ON user_sessions(user_id);
CREATE INDEX idx_user_sessions_token_hash ON user_sessions(token_hash);
CREATE INDEX idx_user_sessions_expires_at ON user_sessions(expires_at);
CREATE INDEX idx_user_invitations_email ON user_invitations(email);
CREATE INDEX idx_user_invitations_invitation_code ON user_invitations(invitation_code);
CREATE INDEX idx_user_invitations_expires_at ON user_invitations(expires_at);
CREATE INDEX idx_shared_boards_user_id ON shared_boards(user_id);
CREATE INDEX idx_shared_boards_board_id ON shared_boards(board_id);
CREATE INDEX idx_boards_user_id ON boards(user_id);
CREATE INDEX idx_boards_is_public ON boards(is_public);
CREATE INDEX idx_images_user_id ON images(user_id);
CREATE INDEX idx_session_queue_user_id ON session_queue(user_id);
CREATE INDEX idx_style_presets_user_id ON style_presets(user_id);
CREATE INDEX idx_style_presets_is_public ON style_presets(is_public);
CREATE INDEX idx_client_state_user_id ON client_state(user_id);
CREATE TRIGGER tg_client_state_updated_at
            AFTER UPDATE ON client_state
            FOR EACH ROW
            BEGIN
              UPDATE client_state
                SET updated_at = CURRENT_TIMESTAMP
              WHERE user_id = OLD.user_id AND key = OLD.key;
            END;
CREATE TRIGGER tg_app_settings_updated_at
            AFTER UPDATE ON app_settings
            FOR EACH ROW
            BEGIN
                UPDATE app_settings SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                WHERE key = OLD.key;
            END;
CREATE INDEX idx_workflow_library_user_id ON workflow_library(user_id);
CREATE INDEX idx_workflow_library_is_public ON workflow_library(is_public);
CREATE INDEX idx_boards_board_visibility ON boards(board_visibility);
CREATE INDEX keyx_model_relationships_model_key_2
            ON model_relationships(model_key_2);
CREATE INDEX idx_image_subfolder_move_items_job_state
            ON image_subfolder_move_items(job_id, state);
CREATE INDEX idx_image_subfolder_move_items_image_name
            ON image_subfolder_move_items(image_name);
CREATE TRIGGER tg_image_subfolder_move_jobs_updated_at
            AFTER UPDATE
            ON image_subfolder_move_jobs FOR EACH ROW
            BEGIN
                UPDATE image_subfolder_move_jobs
                SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                WHERE id = old.id;
            END;
CREATE UNIQUE INDEX idx_videos_video_name ON videos(video_name);
CREATE INDEX idx_videos_video_origin ON videos(video_origin);
CREATE INDEX idx_videos_video_category ON videos(video_category);
CREATE INDEX idx_videos_created_at ON videos(created_at);
CREATE INDEX idx_videos_starred ON videos(starred);
CREATE INDEX idx_videos_user_id ON videos(user_id);
CREATE TRIGGER tg_videos_updated_at
            AFTER UPDATE
            ON videos FOR EACH ROW
            BEGIN
                UPDATE videos SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE video_name = old.video_name;
            END;
CREATE INDEX idx_board_videos_board_id ON board_videos (board_id);
CREATE INDEX idx_board_videos_board_id_created_at ON board_videos (board_id, created_at);
CREATE TRIGGER tg_board_videos_updated_at
            AFTER UPDATE
            ON board_videos FOR EACH ROW
            BEGIN
                UPDATE board_videos SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE board_id = new.board_id AND video_name = old.video_name;
            END;
CREATE INDEX idx_session_queue_workflow_call_id ON session_queue(workflow_call_id);
CREATE INDEX idx_session_queue_parent_item_id ON session_queue(parent_item_id);
CREATE INDEX idx_session_queue_parent_session_id ON session_queue(parent_session_id);
CREATE INDEX idx_session_queue_root_item_id ON session_queue(root_item_id);
CREATE INDEX idx_session_queue_workflow_call_depth ON session_queue(workflow_call_depth);
CREATE INDEX idx_session_queue_round_robin_pending
            ON session_queue (status, user_id, priority DESC, item_id ASC);
CREATE INDEX idx_session_queue_user_started_at
            ON session_queue (user_id, started_at);
CREATE TRIGGER tg_system_prompts_updated_at
            AFTER UPDATE
            ON system_prompts FOR EACH ROW
            BEGIN
                UPDATE system_prompts SET updated_at = STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')
                    WHERE id = old.id;
            END;
CREATE INDEX idx_system_prompts_name ON system_prompts(name);
CREATE INDEX idx_system_prompts_user_id ON system_prompts(user_id);
DELETE FROM "sqlite_sequence";
COMMIT;
